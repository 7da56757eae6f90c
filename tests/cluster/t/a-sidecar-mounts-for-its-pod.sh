#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
# timeout: 400
#
# A privileged sidecar mounts a tmpfs, a FUSE file system and an image by a loop device below a volume (mountPropagation:
# Bidirectional): a container with HostToContainer sees each, one without does not see what comes later; an unmount is seen; a container that
# starts later has what is mounted, one that starts first gets what comes.  The devices for it are there: by themselves,
# after mknod, and by a hostPath of /dev.
. "$(dirname "$0")/../testing.sh"
require cc

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
cc -static -O1 -o "$node_root/srv/$namespace/fuse-file" "$top/tests/cluster/fuse-file.c"
pod sidecar <<-END
	volumes:
	- {name: v, emptyDir: {}}
	- {name: tools, hostPath: {path: /srv/$namespace}}
	- {name: dev, hostPath: {path: /dev}}
	containers:
	- {name: first, image: "$image", command: [sleep, "100000"],
	   volumeMounts: [{name: v, mountPath: /v, mountPropagation: HostToContainer}]}
	- {name: before, image: "$image", command: [sleep, "100000"], volumeMounts: [{name: v, mountPath: /v}]}
	- name: c
	  image: "$image"
	  securityContext: {privileged: true}
	  command:
	  - sh
	  - -c
	  - |
	    mkdir -p /v/memory /v/fuse /v/disk /v/gone
	    mount -t tmpfs t /v/memory && echo one >/v/memory/file
	    mount -t tmpfs t /v/gone
	    /tools/fuse-file /v/fuse two &
	    dd if=/dev/zero of=/tmp/image bs=1M count=4 2>/dev/null && mke2fs -F /tmp/image >/dev/null
	    mount -o loop /tmp/image /v/disk && echo three >/v/disk/file
	    sleep 100000
	  readinessProbe: {exec: {command: [cat, /v/memory/file, /v/fuse/file, /v/disk/file]}, periodSeconds: 1}
	  volumeMounts:
	  - {name: v, mountPath: /v, mountPropagation: Bidirectional}
	  - {name: tools, mountPath: /tools}
	  - {name: dev, mountPath: /hosts-dev}
	- name: later
	  image: "$image"
	  command: [sh, -c, '[ -e /v/again ] || { until [ -e /v/again ]; do sleep 0.2; done; exit; }; sleep 100000']
	  volumeMounts: [{name: v, mountPath: /v, mountPropagation: HostToContainer}]
END
in_one() { k exec sidecar -c "$1" -- sh -c "$2" 2>/dev/null; }
# Under runc they are on the node as well.
unmount_all() { in_one c 'umount /v/*' || true; }
cleanup unmount_all
ready sidecar 90
seen='cat /v/memory/file; cat /v/fuse/file; echo; cat /v/disk/file; ls /v/fuse'
wanted="one
two
three
file"
for one in c first; do
	expect "what $one sees" "$wanted" "$(in_one $one "$seen")"
done
expect "what one without propagation sees" "" "$(in_one before 'ls /v/memory /v/disk/file' | grep file || true)"

note "a container that starts again has what is mounted by now"
in_one c 'touch /v/again'
restarted() { [ "$(field sidecar '.status.containerStatuses[?(@.name=="later")].restartCount')" -gt 0 ] && in_one later true; }
eventually 60 "the container to have started again" restarted
expect "what the one that started later sees" "$wanted" "$(in_one later "$seen")"

gone='grep -c " /v/gone " /proc/self/mountinfo || true'
expect "mounted" "1 1" "$(in_one first "$gone") $(in_one c "$gone")"
in_one c 'umount /v/gone'
expect "unmounted" "0 0" "$(in_one first "$gone") $(in_one c "$gone")"
[ "$runtime_class" = runc ] ||
	expect "mounts on the node" 0 "$(on_node grep -c "$(field sidecar .metadata.uid).*empty-dir/v/" /proc/self/mountinfo || true)"

note "devices"
expect "devices that open" "fuse kmsg loop-control made by-hostpath" "$(in_one c '
	for d in fuse kmsg loop-control; do (: </dev/$d) && echo -n "$d "; done
	mknod /tmp/loop-control c 10 237 && (: </tmp/loop-control) && echo -n "made "
	(: </hosts-dev/fuse) && (: </hosts-dev/null) && echo by-hostpath')"
passed
