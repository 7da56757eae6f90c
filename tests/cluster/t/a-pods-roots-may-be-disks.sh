#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
#
# A pod whose handler has a snapshotter of its own, blockfile (containerd 2): the root of each container is a disk, which the guest
# mounts and the node does not.  It keeps what is written, is there for exec, is new after a restart; no disk, file or snapshot of the pod's is left.
. "$(dirname "$0")/../testing.sh"
. "$top/tests/cluster/blockfile.sh"

handler=$runtime_class-disks
keys() {
	if [ "$runtime_class" = runc ]; then
		printf 'runtime_type = "io.containerd.runc.v2"\noptions = {BinaryName = "/usr/sbin/runc"}\n'
	else
		keys_of_runtime
	fi
}
make_blockfile_handler "$handler" < <(keys)

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
