#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# The client of a creation is killed at eight moments. containerd then deletes the task while it is
# being created, and asks only once: afterwards no process, mount, file or cgroup of it is there.
. "$(dirname "$0")/testing.sh"

# The client is `ctr` itself: it says its pid in containerd's namespace before it becomes ctr.
client_runs() { # NAME
	inside sh -c 'echo $$ >"$0" && exec "$@"' "$work/client" "$containerd_bin/ctr" \
		--address /run/containerd/containerd.sock run -d --runtime "$runtime" "$image" "$1" sleep 1000
}

killed=0
for moment in 1 2 3 4 6 8 11 15; do
	box=gone$$-$moment
	rm -f "$work/client"
	client_runs "$box" >"$work/run.log" 2>&1 &
	eventually 10 "the client's pid" test -s "$work/client"
	# The moments are the point of this test: they spread over the creation.
	sleep "$((moment / 10)).$((moment % 10))"
	inside kill -KILL "$(cat "$work/client")" 2>/dev/null || true
	ended=0
	wait $! || ended=$?
	[ $ended != 137 ] || killed=$((killed + 1))
	# One that was quicker than the kill runs, and is ended as usual.
	ctr tasks delete --force "$box" >/dev/null 2>&1 || true
	ctr containers delete "$box" >/dev/null 2>&1 || true
	eventually 30 "everything of $box to go" nothing_left "$box"
done
note "$killed of 8 clients were killed before they were done"
[ $killed -ge 2 ] || fail "the moments do not meet the creation any more"
passed
