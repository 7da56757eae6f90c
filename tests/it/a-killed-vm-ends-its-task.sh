#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=1 CONTAINERD=2
#
# QEMU dies: containerd hears that the task ended, deleting it works and leaves nothing.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about the VM"

box=box$$
ctr run -d --runtime "$runtime" "$image" $box sleep 1000
vm=$(inside ps -eo pid,args | awk -v id=$box '/qemu-system/ && index($0, id) { print $1; exit }')
[ -n "$vm" ] || fail "no QEMU process of the sandbox"
inside kill -KILL "$vm"
stopped() { [[ $(ctr tasks ls) =~ $box\ +[0-9]+\ +STOPPED ]]; }
eventually 30 "the task to be stopped" stopped
ctr tasks delete $box || true
ctr containers delete $box
eventually 30 "everything to go" nothing_left $box
passed
