#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A read-only hostPath cannot be written by anyone inside, not even by root with every capability who
# remounts it; a writable one can, and the node sees what was written.
. "$(dirname "$0")/../testing.sh"

mkdir -p "$node_root/srv/$namespace"/{ro,rw}
cleanup rm -rf "$node_root/srv/$namespace"
echo original >"$node_root/srv/$namespace/ro/file"
pod writer <<END
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  securityContext: {privileged: true}
  volumeMounts: [{name: ro, mountPath: /ro, readOnly: true}, {name: rw, mountPath: /rw}]
volumes:
- {name: ro, hostPath: {path: /srv/$namespace/ro}}
- {name: rw, hostPath: {path: /srv/$namespace/rw}}
END
ready writer
expect "content" original "$(in_pod writer cat /ro/file)"
in_pod writer sh -c 'echo changed > /ro/file' && fail "a read-only hostPath was written"
in_pod writer sh -c 'mount -o remount,rw /ro; mount -o remount,rw,bind /ro; echo changed > /ro/file; touch /ro/new' || true
if [ "$runtime_class" != runc ]; then
	expect "content after the attack" original "$(cat "$node_root/srv/$namespace/ro/file")"
	[ ! -e "$node_root/srv/$namespace/ro/new" ] || fail "a file was made in a read-only hostPath"
fi
in_pod writer sh -c 'echo "from inside" > /rw/file'
expect "file on the node" "from inside" "$(cat "$node_root/srv/$namespace/rw/file")"
passed
