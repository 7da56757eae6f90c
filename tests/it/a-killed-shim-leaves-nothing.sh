#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=1 CONTAINERD=2
#
# The shim dies: VM and daemons end with it, and containerd's own cleanup, which calls the shim's
# delete command, leaves nothing.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about the kata shim"

box=box$$
ctr run -d --runtime "$runtime" "$image" $box sleep 1000
shim=$(inside ps -eo pid,args | awk -v id=$box '/containerd-shim-kata-v2/ && index($0, id) { print $1; exit }')
[ -n "$shim" ] || fail "no shim of the sandbox"
inside kill -KILL "$shim"
gone() { [[ ! $(ctr tasks ls) =~ $box\ +[0-9]+\ +RUNNING ]]; }
eventually 30 "containerd to see the shim gone" gone
ctr tasks delete --force $box >/dev/null 2>&1 || true
ctr containers delete $box
eventually 30 "everything to go" nothing_left $box
passed
