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
expect_match "processes" '[0-9]' "$(ctr tasks ps $box)"
ctr tasks metrics $box >"$work/metrics"
expect_match "metrics" 'memory' "$(cat "$work/metrics")"
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
