#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# twin: runc
#
# A detached task against containerd 1.6 and 2.x: exec, list of processes, metrics, pause and resume,
# signal, wait, delete, in the order an engine uses them.
. "$(dirname "$0")/testing.sh"

box=box$$
ctr run -d --runtime "$runtime" "$image" $box sleep 1000
expect_match "tasks" "$box +[0-9]+ +RUNNING" "$(ctr tasks ls)"
expect "exec" alive "$(ctr tasks exec --exec-id e1 $box echo alive)"
status=0
ctr tasks exec --exec-id e2 $box sh -c 'exit 7' || status=$?
expect "exit code of exec" 7 "$status"
pid=$(ctr tasks ls | awk -v box="$box" '$1 == box { print $2 }')
expect "processes" "$pid" "$(ctr tasks ps $box | awk 'NR > 1 { print $1 }')"

# metric NAME FROM TO - of the box, within what one that sleeps can have.
metric() {
	local value
	value=$(ctr tasks metrics $box | awk -v name="$1" '$1 == name { print $2 }')
	[[ $value =~ ^[0-9]+$ ]] || fail "$1 is '$value'"
	((value >= $2 && value <= $3)) || fail "$1 is $value, not between $2 and $3"
}
metric memory.usage_in_bytes 4096 $((64 << 20))
metric cpuacct.usage 1000000 10000000000
metric pids.current 1 1
ctr tasks pause $box
expect_match "paused" "$box +[0-9]+ +PAUSED" "$(ctr tasks ls)"
ctr tasks resume $box
expect_match "resumed" "$box +[0-9]+ +RUNNING" "$(ctr tasks ls)"
ctr tasks kill --signal KILL $box
stopped() { [[ $(ctr tasks ls) =~ $box\ +[0-9]+\ +STOPPED ]]; }
eventually 20 "the task to stop" stopped
expect_match "exit code of the task" 'exit code 137' "$(ctr tasks delete $box 2>&1)"
ctr containers delete $box
eventually 10 "everything to go" nothing_left $box
passed
