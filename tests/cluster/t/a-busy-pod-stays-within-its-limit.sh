#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 2400
#
# What a pod does costs the node no more than its limits and the overhead of its RuntimeClass: programs
# that an emulator must translate, six containers that read and write more files than their memory
# holds.  Its VM is not killed, and gives back what it only remembers.
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "about the VM"

# Some 80 MiB of files for each, which its limit does not hold; a reader of a volume, a writer of its own layer.
read_files='for i in 1 2 3 4; do dd if=/dev/zero of=/v/$NAME.$i bs=1M count=20 2>/dev/null; done; cat /v/$NAME.* >/dev/null'
write_files='for i in 1 2 3 4; do dd if=/dev/zero of=/tmp/$i bs=1M count=20 2>/dev/null; done; cat /tmp/[1-4] >/dev/null'
labour='for i in $(seq 40); do echo $i | sha256sum | md5sum | sed s/a/b/ | awk "{ print \$1 }" | gzip | gunzip | od | bc 2>/dev/null | sort | uniq | tr a b >/dev/null; done'
{
	echo 'volumes: [{name: v, emptyDir: {}}]'
	echo containers:
	for i in 1 2 3 4 5 6; do
		[ $((i % 2)) = 0 ] && files=$read_files || files=$write_files
		cat <<-END
			- name: c$i
			  image: "$image"
			  env: [{name: NAME, value: c$i}]
			  command: [sh, -c, '${files//\'/} && ${labour//\'/}; touch /tmp/done; sleep 100000']
			  volumeMounts: [{name: v, mountPath: /v}]
			  resources: {requests: {cpu: 10m}, limits: {memory: 32Mi, cpu: 500m}}
		END
	done
} | pod busy
ready busy 300
sandbox=$(on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox")
vm=$(on_node ps -eo pid,args | awk -v id="$sandbox" '/qemu-system/ && index($0, id) { print $1; exit }')
is_done() { for i in 1 2 3 4 5 6; do k exec busy -c "c$i" -- test -e /tmp/done || return 1; done; }
eventually 1300 "the containers to have done their work" is_done
expect "restarts" "0 0 0 0 0 0" "$(field busy '.status.containerStatuses[*].restartCount')"

# MiB of the node's memory that the VM holds: all of it and its most so far, the guest's pages, QEMU's own.
mib() { on_node awk -v key="$1:" '$1 == key { printf "%d\n", $2 / 1024 }' "/proc/$vm/status"; }
overhead=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.overhead.podFixed.memory}')
most=$((6 * 32 + ${overhead%Mi}))
note "the VM holds $(mib VmRSS) MiB, $(mib RssShmem) of them the guest's, $(mib RssAnon) QEMU's own; at most $(mib VmHWM) of the pod's $most"
[ "$(mib VmHWM)" -lt "$most" ] || fail "more than the pod may use"
# Of 192 MiB of files that nobody uses any more, the guest keeps some 30 beside the 50 of its kernel and what lies between.
is_small() { [ "$(mib RssShmem)" -lt 140 ]; }
eventually 600 "the guest to give back what it remembers of files" is_small
note "at rest: $(mib VmRSS) MiB, $(mib RssShmem) of them the guest's"
passed
