#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kernel kills the VM of a pod that has used up its memory: every container of it is said to be
# OOMKilled, and its message tells what happened.
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "about the VM"

pod small <<END
restartPolicy: Never
containers:
- {name: c, image: "$image", command: [sh, -c, "echo mine >/dev/termination-log; sleep 100000"], resources: {limits: {memory: 128Mi, cpu: 500m}}}
- {name: d, image: "$image", command: [sleep, "100000"], resources: {limits: {memory: 32Mi, cpu: 500m}}}
END
ready small
sandbox=$(on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox")
vm=$(on_node ps -eo pid,args | awk -v id="$sandbox" '/qemu-system/ && index($0, id) { print $1; exit }')
[ -n "$vm" ] || fail "no QEMU process with the sandbox's id"

# Nothing a container does brings its VM over the pod's limit, so the limit comes down to the VM.
# shellcheck disable=SC2016 # for the node's shell
on_node sh -c '
	group=$(sed -n "s/^[0-9]*:memory://p" /proc/'"$vm"'/cgroup)
	if [ -n "$group" ]; then
		cd "/sys/fs/cgroup/memory${group%/*}" && echo $(($(cat memory.usage_in_bytes) + 8388608)) >memory.limit_in_bytes
	else
		cd "/sys/fs/cgroup$(sed -n "s/^0:://;s,/[^/]*$,,p" /proc/'"$vm"'/cgroup)" && echo $(($(cat memory.current) + 8388608)) >memory.max
	fi'
in_pod small dd if=/dev/zero of=/dev/null bs=90M count=1 >/dev/null 2>&1 && fail "the container had memory that its pod has not"
ended small Failed 90
state() { field small ".status.containerStatuses[?(@.name==\"$1\")].state.terminated.$2"; }
for name in c d; do
	expect "reason of $name" OOMKilled "$(state "$name" reason)"
	expect "exit code of $name" 137 "$(state "$name" exitCode)"
done
expect_match "message of d" 'virtual machine of the pod has ended, for the pod was out of memory: qemu was killed by signal 9' "$(state d message)"
expect "the message that c left itself" mine "$(state c message)"
passed
