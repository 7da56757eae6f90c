#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The VM is stopped in the middle of everything (SIGSTOP: the agent never answers again).  Calls that
# do not need the guest still answer, another sandbox is not disturbed, and kill and delete end within
# their deadlines and leave nothing.  Where nobody asks for its end it ends all the same, when the agent has not said
# for as long as it may that it lives; one that says so does not.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about the VM"

printf '[agent.kata]\nhealth_check_request_timeout_ms = 15000\n' \
	>"$kata/share/defaults/kata-containers/config.d/20-health.toml"
frozen=frozen$$ other=other$$
ctr run -d --runtime "$runtime" "$image" $frozen sleep 1000
ctr run -d --runtime "$runtime" "$image" $other sleep 1000
freeze() { # ID
	inside ps -eo pid,args | awk -v id="$1" '/qemu-system/ && index($0, id) { print $1 }' >"$work/vm"
	[ -s "$work/vm" ] || fail "no QEMU process of the sandbox"
	inside kill -STOP "$(cat "$work/vm")"
}
freeze $frozen

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

silent=silent$$
ctr run -d --runtime "$runtime" "$image" $silent sleep 1000
freeze $silent
began=$SECONDS
has_stopped() { [[ $(ctr tasks ls | grep $silent) == *STOPPED* ]]; }
eventually 90 "the end of a guest that says nothing" has_stopped
note "noticed after $((SECONDS - began)) s"
expect_match "how it ended" 'exit code 255' "$(ctr tasks delete $silent 2>&1 || true)"
ctr containers delete $silent
eventually 30 "everything of the silent sandbox to go" nothing_left $silent
expect "the other sandbox afterwards" alive "$(ctr tasks exec --exec-id e2 $other echo alive)"
ctr tasks delete --force $other || true
ctr containers delete $other
eventually 30 "everything of the other sandbox to go" nothing_left $other
passed
