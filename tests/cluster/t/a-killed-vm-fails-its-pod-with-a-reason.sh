#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# QEMU is killed: the pod's container ends with an error, and Kubernetes says so.  Until then the VM and its daemons are
# worth to the kernel, when memory runs out, what the kubelet says its container is.
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "about the VM"

pod fragile <<END
restartPolicy: Never
containers:
- {name: c, image: "$image", command: [sleep, "100000"]}
END
ready fragile
sandbox=$(on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox")
pids_of() { on_node ps -eo pid,args | awk -v program="/$1" -v id="$sandbox" 'index($2, program) && index($0, id) { print $1 }'; }
vm=$(pids_of qemu-system | head -n 1)
[ -n "$vm" ] || fail "no QEMU process with the sandbox's id"
for program in qemu-system virtiofsd vhost-device-vsock; do
	for pid in $(pids_of $program); do
		expect "OOM score of $program of a BestEffort pod" 1000 "$(on_node cat "/proc/$pid/oom_score_adj")"
	done
done
on_node kill -KILL "$vm"
ended fragile Failed 60
code=$(field fragile '.status.containerStatuses[0].state.terminated.exitCode')
note "exit code $code, reason $(field fragile '.status.containerStatuses[0].state.terminated.reason')"
[ "$code" != 0 ] || fail "the container is said to have succeeded"
k delete pod fragile --timeout=60s >/dev/null
gone() { ! on_node ps -eo args | grep -F "$sandbox" | grep -v grep; }
eventually 60 "every process of the sandbox to end" gone
passed
