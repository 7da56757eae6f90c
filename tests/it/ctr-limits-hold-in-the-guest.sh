#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# twin: runc
#
# Limits of memory and processors hold in the guest, which is as large as they ask for; memory shortage
# kills what caused it and is reported.
. "$(dirname "$0")/testing.sh"

box=box$$
ctr run -d --runtime "$runtime" --memory-limit 134217728 --cpus 0.5 "$image" $box sleep 1000
guest() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" $box "$@"; }
expect_match "limit of memory" 'limit_in_bytes +134217728' "$(ctr tasks metrics $box)"
expect "processors" 2 "$(guest nproc)"

ctr events >"$work/events" 2>/dev/null &
events=$!
cleanup kill $events 2>/dev/null
status=0
guest dd if=/dev/zero of=/dev/null bs=300M count=1 >/dev/null 2>&1 || status=$?
note "exit code of what ran out of memory: $status"
[ "$status" != 0 ] || fail "300 MiB fit into a limit of 128 MiB"
eventually 10 "the report of memory shortage" grep -q "/tasks/oom.*$box" "$work/events"

ctr tasks kill --signal KILL $box
stopped() { [[ $(ctr tasks ls) =~ $box\ +[0-9]+\ +STOPPED ]]; }
eventually 20 "the task to stop" stopped
ctr tasks delete $box >/dev/null 2>&1 || true
ctr containers delete $box
eventually 10 "everything to go" nothing_left $box
passed
