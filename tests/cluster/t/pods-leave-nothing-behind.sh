#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# variants: PODS=8
# variants.full: PODS=20
#
# The pods of all earlier tests go.  As many are created and deleted, four at a time; then the node has the processes,
# mounts, network devices, cgroups and runtime files it had before.
. "$(dirname "$0")/../testing.sh"

processes() { on_node ps -eo args | grep -E 'shim|qemu|virtiofsd|vhost-device|pause' | grep -v grep || true; }
mounts() { on_node cut -d' ' -f2 /proc/mounts | grep -v -e /var/lib/kubelet -e /node/; }
devices() { on_node ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/'; }
namespaces() { on_node ls /run/netns /var/run/netns 2>/dev/null; }
# The kubelet keeps those of a class of pods.
cgroups() { on_node find /sys/fs/cgroup -type d -path '*/pod*'; }
files() { on_node find /run/kata-containers /run/vc /run/containerd/io.containerd.runtime.v2.task /dev/shm -mindepth 1 2>/dev/null || true; }
state() {
	local what
	for what in processes mounts devices namespaces cgroups files; do
		echo "== $what"
		"$what" | sort
	done
}
same() { state >"$work/after" && diff "$work/before" "$work/after"; }

# Every test before this one has deleted its namespace: their pods must be gone in good time as well.
only_ours() {
	local others
	others=$("$cluster" kubectl get namespaces -o name | grep '/t[0-9]' | grep -v "/$namespace$")
	echo "still there: $others"
	[ -z "$others" ]
}
eventually 120 "the namespaces of earlier tests to go" only_ours
# At rest is what stays the same for a second: nobody tells when containerd has forgotten a pod.
settled() { state >"$work/before" && sleep 1 && same >/dev/null; }
eventually 30 "the node to come to rest" settled
for batch in $(seq $((${PODS:-20} / 4))); do
	for i in 1 2 3 4; do
		pod "p$batch-$i" <<-END
			containers:
			- {name: c, image: "$image", command: [sleep, "100000"]}
		END
	done
	k wait --for=condition=Ready pod --all --timeout=120s >/dev/null || fail "batch $batch did not become Ready"
	k delete pod --all --timeout=120s >/dev/null
done
eventually 60 "the node to be as it was before" same
passed
