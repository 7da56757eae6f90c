#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
# timeout: 500
#
# A service account's token that the kubelet replaces is an event in the pod, and the new one is read; an emptyDir that
# outgrows its sizeLimit evicts its pod, whatever way the files take to the node, as a disk of the guest's, too, and so does a
# container that outgrows its limit of ephemeral storage; a privileged container of a node with two hundred more devices starts.
. "$(dirname "$0")/../testing.sh"
require cc

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
cc -static -O1 -o "$node_root/srv/$namespace/meet" "$top/tests/cluster/meet.c"
on_node sh -c 'for i in $(seq 200); do mknod /dev/many-$i c 1 3; done'
no_devices() { on_node sh -c 'rm -f /dev/many-*'; }
cleanup no_devices
pod watcher <<END
containers:
- name: c
  image: "$image"
  securityContext: {privileged: true}
  command: [sh, -c, "md5sum </token/token >/tmp/before; /host/meet watch /token >/tmp/watched & sleep 1; touch /tmp/ready; sleep 100000"]
  readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}
  volumeMounts: [{name: token, mountPath: /token}, {name: host, mountPath: /host}]
volumes:
- {name: host, hostPath: {path: /srv/$namespace}}
- {name: token, projected: {sources: [{serviceAccountToken: {path: token, expirationSeconds: 600}}]}}
END
pod large <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "dd if=/dev/zero of=/e/f bs=1M count=30; sync; sleep 100000"], volumeMounts: [{name: e, mountPath: /e}]}
volumes: [{name: e, emptyDir: {sizeLimit: 10Mi}}]
END
pod hungry <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "dd if=/dev/zero of=/f bs=1M count=30; sync; sleep 100000"], resources: {limits: {ephemeral-storage: 10Mi}}}
- {name: d, image: "$image", command: [sleep, "100000"], resources: {limits: {ephemeral-storage: 100Mi}}}
END
ready watcher 120
no_devices
# From here on an emptyDir is a disk; runc has it as a folder.
if [ "$runtime_class" != runc ]; then
	drop_in=$node_root/etc/kata-containers/$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')/config.d/99-test.toml
	mkdir -p "${drop_in%/*}"
	printf '[runtime]\nemptydir_mode = "block-plain"\n' >"$drop_in"
	cleanup rm -f "$drop_in"
fi
pod disk <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "dd if=/dev/zero of=/e/f bs=1M count=30; sync; sleep 100000"], volumeMounts: [{name: e, mountPath: /e}]}
volumes: [{name: e, emptyDir: {sizeLimit: 10Mi}}]
END
pod hungry-disk <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "dd if=/dev/zero of=/e/f bs=1M count=30; sync; sleep 100000"], volumeMounts: [{name: e, mountPath: /e}],
  resources: {limits: {ephemeral-storage: 10Mi}}}
volumes: [{name: e, emptyDir: {}}]
END

# What it has asked for it remembers in memory only.
on_node systemctl restart kubelet
seen() { [ "$(in_pod watcher cat /tmp/watched)" = "event of ..data" ]; }
eventually 150 "the event of a new token" seen
[ "$(in_pod watcher cat /tmp/before)" != "$(in_pod watcher sh -c 'md5sum </token/token')" ] || fail "the token is the old one"
evicted() { [ "$(field "$1" '.status.reason')" = Evicted ]; }
for name in large disk hungry hungry-disk; do
	eventually 150 "the eviction of pod $name" evicted $name
done
for name in large disk; do
	expect_match "message of $name" 'Usage of EmptyDir volume "e" exceeds the limit "10Mi"' "$(field $name '.status.message')"
done
expect_match "message of hungry" 'exceeded its local ephemeral storage limit "10Mi"' "$(field hungry '.status.message')"
expect_match "message of hungry-disk" 'usage exceeds the total limit of containers 10Mi' "$(field hungry-disk '.status.message')"
passed
