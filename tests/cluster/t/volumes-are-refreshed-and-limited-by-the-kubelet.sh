#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
# timeout: 500
#
# A service account's token that the kubelet replaces is an event in the pod, and the new one is read; an emptyDir that
# outgrows its sizeLimit evicts its pod, whatever way the files take to the node; a privileged container of a node with
# two hundred more devices starts.
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
ready watcher 120
no_devices

# What it has asked for it remembers in memory only.
on_node systemctl restart kubelet
seen() { [ "$(in_pod watcher cat /tmp/watched)" = "event of ..data" ]; }
eventually 150 "the event of a new token" seen
[ "$(in_pod watcher cat /tmp/before)" != "$(in_pod watcher sh -c 'md5sum </token/token')" ] || fail "the token is the old one"
evicted() { [ "$(field large '.status.reason')" = Evicted ]; }
eventually 150 "the eviction" evicted
expect_match "its message" 'Usage of EmptyDir volume "e" exceeds the limit "10Mi"' "$(field large '.status.message')"
passed
