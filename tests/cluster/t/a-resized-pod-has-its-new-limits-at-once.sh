#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: NODE=n1
# variants.full: NODE=n2
#
# The kubelet resizes a running pod: its container has the new limits and room for them in its VM, without a restart.  It
# lowers them as well after the memory was used: what the container has freed is the node's again, and the VM becomes small.
. "$(dirname "$0")/../testing.sh"

pod box <<END
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  resources: {limits: {cpu: 500m, memory: 64Mi}}
END
ready box
limits() { in_pod box cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max | paste -sd' '; }
are() { [ "$(limits)" = "$1" ]; }
memory() { in_pod box awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo; }
says() { [ "$(field box '.status.containerStatuses[0].resources.limits.memory')" = "$1" ]; }
resize() { # CPU MEMORY
	k patch pod box --subresource resize --patch \
		"spec: {containers: [{name: c, resources: {requests: {cpu: $1, memory: $2}, limits: {cpu: $1, memory: $2}}}]}" >/dev/null
}

expect "limits at first" "50000 100000 $((64 << 20))" "$(limits)"
before=$(memory)
note "$before MiB in the VM"
resize 1200m 512Mi
eventually 60 "the raised limits" are "120000 100000 $((512 << 20))"
note "raised; $(memory) MiB"
expect "processors" 2 "$(in_pod box nproc)"
[ "$(memory)" -ge $((before + 400)) ] || fail "the VM has $(memory) MiB"
in_pod box dd if=/dev/zero of=/dev/null bs=300M count=1 2>/dev/null
# Files as well: read and forgotten, or removed.
in_pod box sh -c 'dd if=/dev/zero of=/tmp/a bs=1M count=150 && cat /tmp/a >/dev/null && rm /tmp/a' 2>/dev/null
eventually 60 "the kubelet to say so" says 512Mi
resize 1200m 96Mi
eventually 180 "the lowered limit" are "120000 100000 $((96 << 20))"
eventually 60 "the kubelet to say that" says 96Mi
[ "$runtime_class" = runc ] || {
	is_small() { [ "$(memory)" -le $((before + 40)) ]; }
	eventually 60 "the VM to be small again" is_small
	note "lowered; $(memory) MiB"
}
resize 1200m 256Mi
eventually 60 "the limit raised again" are "120000 100000 $((256 << 20))"
in_pod box dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null
expect "restarts" 0 "$(field box '.status.containerStatuses[0].restartCount')"
passed
