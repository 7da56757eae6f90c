#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# An exec whose working directory is on a file system that does not answer waits alone: the next exec
# and the metrics of its container come at once, and the container ends as quickly as any other.
. "$(dirname "$0")/testing.sh"

box=box$$
# A file system in user space without a server: whoever goes there waits.
hangs='mknod /dev/fuse c 10 229 2>/dev/null; mkdir /hangs; exec 3<>/dev/fuse
mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /hangs && touch /ready; exec sleep 1000'
ctr run -d --privileged --runtime "$runtime" "$image" $box sh -c "$hangs"
is_mounted() { ctr tasks exec --exec-id "look$SECONDS$RANDOM" $box test -e /ready; }
eventually 20 "the file system to be mounted" is_mounted

hanging=()
for i in 1 2 3; do
	ctr tasks exec --exec-id hangs$i --cwd /hangs $box true >"$work/hangs$i" 2>&1 &
	hanging+=($!)
done
# Whether they hang only time can tell, and they would for half a minute.
sleep 2
begin=$SECONDS
expect "another exec" alive "$(ctr tasks exec --exec-id next $box echo alive)"
expect_match "metrics" memory "$(ctr tasks metrics $box)"
[ $((SECONDS - begin)) -lt 10 ] || fail "another exec and the metrics took $((SECONDS - begin)) s"
kill -0 "${hanging[@]}" || fail "an exec that should hang has ended: $(cat "$work"/hangs*)"
begin=$SECONDS
ctr tasks kill --signal KILL $box
stopped() { has_ended $box; }
eventually 20 "the task to stop" stopped
ctr tasks delete $box >/dev/null 2>&1 || true
ctr containers delete $box
[ $((SECONDS - begin)) -lt 15 ] || fail "the end took $((SECONDS - begin)) s"
wait "${hanging[@]}" || true
eventually 10 "everything to go" nothing_left $box
passed
