#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The shim of a pod is killed: kubelet sees the container end and starts the pod anew, and of the old
# sandbox neither VM nor daemon nor mount is left.
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "about the kata shim"

sleeper victim
sandbox() { on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox"; }
old=$(sandbox)
expect_match "sandbox" '^[0-9a-f]{64}$' "$old"
of_old() { on_node ps -eo pid,args | grep -F "$old" | grep -v grep; }
note "processes of the sandbox:"
of_old
shim=$(of_old | awk '/containerd-shim-kata-v2/ && !pid { pid = $1 } END { print pid }')
on_node kill -KILL "$shim"
none_left() { ! of_old; }
eventually 60 "every process of the old sandbox to end" none_left
restarted() { [ "$(field victim '.status.containerStatuses[0].restartCount')" -ge 1 ]; }
eventually 90 "kubelet to start the container again" restarted
ready victim
expect "exec in the new one" alive "$(in_pod victim echo alive)"
k delete pod victim --timeout=60s >/dev/null
no_mounts() { ! on_node grep -F "$old" /proc/mounts; }
eventually 60 "the old sandbox's mounts to go" no_mounts
passed
