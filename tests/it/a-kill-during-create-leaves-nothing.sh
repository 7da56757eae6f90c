#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The task is killed at twelve moments between the begin of its creation and its running: each time
# the engine's calls end, and nothing of it is left.
. "$(dirname "$0")/testing.sh"

begin() { # NAME
	ctr run -d --runtime "$runtime" "$image" "$1" sleep 1000 >"$work/run.log" 2>&1 &
	run=$!
}
remove() { # NAME
	ctr tasks delete --force "$1" >/dev/null 2>&1 || true
	ctr containers delete "$1" >/dev/null 2>&1 || true
	eventually 30 "everything of $1 to go" nothing_left "$1"
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

note "how long a creation takes on this machine now"
began=$(milliseconds)
begin "whole$$"
wait "$run" || fail "an undisturbed task does not start: $(cat "$work/run.log")"
took=$(($(milliseconds) - began))
remove "whole$$"

# A kill meets the creation if the shim took it and the client was not done yet.
met=0
for twelfth in 0 1 2 3 4 5 6 7 8 9 10 11; do
	box=box$$-$twelfth
	begin "$box"
	# The moments are the point of this test: they spread over the creation.
	sleep "$(printf '%d.%03d' $((took * twelfth / 12000)) $((took * twelfth / 12 % 1000)))"
	under_way=1
	kill -0 "$run" 2>/dev/null || under_way=0
	! timeout 60 nsenter -t "$init" -m -p "$containerd_bin/ctr" --address /run/containerd/containerd.sock \
		tasks kill --signal KILL "$box" >/dev/null 2>&1 || met=$((met + under_way))
	wait "$run" || true
	remove "$box"
done
note "a creation takes $took ms; $met of 12 kills met one"
[ $met -ge 3 ] || fail "the moments do not meet the creation any more"
passed
