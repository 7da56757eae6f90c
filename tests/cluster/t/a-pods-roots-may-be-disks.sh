#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
#
# A pod whose handler has a snapshotter of its own, blockfile (containerd 2): the root of each container is a disk, which the guest
# mounts and the node does not.  It keeps what is written, is there for exec, is new after a restart; no disk, file or snapshot of the pod's is left.
. "$(dirname "$0")/../testing.sh"
[ "$(on_node sh -c 'containerd --version' | sed 's/.* v\?\([0-9]\)\..*/\1/')" = 2 ] || skip "containerd 1.6 has no snapshotter of a handler"
require mkfs.ext4

handler=$runtime_class-disks
conf=$node_root/etc/containerd/conf.d/zz-disks.toml
if [ "$runtime_class" = runc ]; then
	runtime='runtime_type = "io.containerd.runc.v2"'
	options='options = {BinaryName = "/usr/sbin/runc"}'
else
	class=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')
	runtime=$(grep -rh -A 9 "containerd.runtimes.*$class\]" "$node_root/etc/containerd/conf.d" | sed '1d;/^\[/,$d;/^$/d')
	options=
fi
# containerd remembers the snapshots of a snapshotter that it has no more, so they go first, the last layer first.
snapshots() { on_node ctr -n k8s.io snapshots --snapshotter blockfile "$@" 2>/dev/null; }
no_snapshots() {
	local name
	for name in $(snapshots ls | awk 'NR > 1 { print $1 }'); do
		snapshots rm "$name" >/dev/null || true
	done
	[ "$(snapshots ls | wc -l)" = 1 ]
}
as_before() {
	"$cluster" kubectl delete runtimeclass "$handler" --ignore-not-found >/dev/null
	k delete pod --all --wait --timeout=60s >/dev/null 2>&1
	eventually 30 "the snapshots to go" no_snapshots
	rm -f "$conf"
	on_node systemctl restart containerd
	rm -rf "$node_root/var/lib/disks"
}
cleanup as_before
mkdir "$node_root/var/lib/disks"
truncate -s 64M "$node_root/var/lib/disks/empty"
mkfs.ext4 -q -F "$node_root/var/lib/disks/empty"
cat >"$conf" <<END
version = 3
[plugins."io.containerd.snapshotter.v1.blockfile"]
root_path = "/var/lib/disks/snapshots"
scratch_file = "/var/lib/disks/empty"
fs_type = "ext4"
mount_options = []
recreate_scratch = false
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.$handler]
$runtime
$options
snapshotter = "blockfile"
END
on_node systemctl restart containerd
"$cluster" kubectl create -f - >/dev/null <<END
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: $handler}
handler: $handler
END

pod disks "$handler" <<END
containers:
- name: c
  image: "$image"
  command: [sh, -c, "echo of c >/mine; until [ -e /v/end ]; do sleep 0.2; done; rm /v/end; exit 1"]
  volumeMounts: [{name: v, mountPath: /v}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts: [{name: v, mountPath: /v}]
volumes: [{name: v, emptyDir: {}}]
END
ready disks 120
in_d() { k exec disks -c d -- "$@"; }
expect_match "the root of c" '^/dev/[a-z0-9]+ / ext4 rw' "$(in_pod disks grep ' / ' /proc/mounts)"
expect_match "the root of d" '^/dev/[a-z0-9]+ / ext4 rw' "$(in_d grep ' / ' /proc/mounts)"
expect "what c wrote" "of c" "$(in_pod disks cat /mine)"
expect "what d sees of it" absent "$(in_d sh -c 'test -e /mine && echo there || echo absent')"
expect "size of the root in MiB" "40 to 64" "$(in_d df -m / | awk 'END { print ($2 >= 40 && $2 <= 64) ? "40 to 64" : $0 }')"
in_d sh -c 'dd if=/dev/urandom of=/big bs=1M count=20 2>/dev/null; sync; echo kept >/kept'
[ "$runtime_class" = runc ] || expect "disks that the node has mounted" "" "$(on_node grep /var/lib/disks /proc/self/mountinfo || true)"

in_pod disks touch /v/end
restarted() { [ "$(field disks '.status.containerStatuses[?(@.name=="c")].restartCount')" = 1 ]; }
eventually 60 "container c to be started again" restarted
ready disks
expect "the new container's root" "of c" "$(in_pod disks cat /mine)"
expect "the other one's after that" "kept 20971520" "$(in_d sh -c 'echo $(cat /kept) $(stat -c %s /big)')"
k delete pod disks --wait --timeout=60s >/dev/null

nothing() { ! snapshots ls | grep -q ' Active *$' && [ -z "$(on_node grep /var/lib/disks /proc/self/mountinfo)" ] && ! losetup -a | grep -q /disks/; }
eventually 60 "the disks of the pod to go" nothing
passed
