#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The VM is stopped in the middle of everything (SIGSTOP: the agent never answers again).  Calls that
# do not need the guest still answer, another sandbox is not disturbed, and kill and delete end within
# their deadlines and leave nothing.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about the VM"

frozen=frozen$$ other=other$$
ctr run -d --runtime "$runtime" "$image" $frozen sleep 1000
ctr run -d --runtime "$runtime" "$image" $other sleep 1000
inside ps -eo pid,args | awk -v id=$frozen '/qemu-system/ && index($0, id) { print $1 }' >"$work/vm"
[ -s "$work/vm" ] || fail "no QEMU process of the sandbox"
inside kill -STOP "$(cat "$work/vm")"

began=$SECONDS
ctr tasks exec -d --exec-id hanging $frozen sleep 1 >/dev/null 2>&1 &
expect_match "the list of tasks" "$frozen" "$(ctr tasks ls)"
expect "the other sandbox" alive "$(ctr tasks exec --exec-id e1 $other echo alive)"
[ $((SECONDS - began)) -lt 20 ] || fail "the calls took $((SECONDS - began)) s"

began=$SECONDS
ctr tasks delete --force $frozen || true
ctr containers delete $frozen
note "teardown took $((SECONDS - began)) s"
[ $((SECONDS - began)) -lt 90 ] || fail "teardown took $((SECONDS - began)) s"
eventually 30 "everything of the frozen sandbox to go" nothing_left $frozen
expect "the other sandbox afterwards" alive "$(ctr tasks exec --exec-id e2 $other echo alive)"
ctr tasks delete --force $other || true
ctr containers delete $other
eventually 30 "everything of the other sandbox to go" nothing_left $other
passed
