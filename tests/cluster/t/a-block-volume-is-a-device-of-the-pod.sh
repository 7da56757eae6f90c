#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# A PersistentVolume of volumeMode Block on a loop device of the node is a device of the pod's containers, with its size; what
# one writes the other reads, and it is on the node's device when the pod has gone.  Read-only where the claim is used so.
# The same kind of device as a volume with a file system, which the kubelet mounts, is a folder of the pod's.
. "$(dirname "$0")/../testing.sh"
on_node sh -c 'command -v losetup mkfs.ext4' >/dev/null || skip "the node has no losetup or mkfs.ext4"

loop_device() { # FILE MIB - on the node
	truncate -s "$2M" "$1"
	loop=$(losetup -f --show "$1") || skip "no loop device is free"
	cleanup losetup -d "$loop"
}
loop_device "$work/raw" 64
raw=$loop
loop_device "$work/fs" 32
fs=$loop
cleanup eventually 60 "the claims to go" remove_claims
remove_claims() {
	k delete pod,pvc --all --force --grace-period=0 >/dev/null 2>&1
	"$cluster" kubectl delete pv "$namespace-raw" "$namespace-fs" --ignore-not-found >/dev/null 2>&1
}

volume() { # NAME DEVICE MODE MIB
	cat <<-END
		---
		apiVersion: v1
		kind: PersistentVolume
		metadata: {name: $namespace-$1}
		spec:
		  capacity: {storage: $4Mi}
		  accessModes: [ReadWriteOnce]
		  volumeMode: $3
		  persistentVolumeReclaimPolicy: Retain
		  storageClassName: $namespace
		  claimRef: {namespace: $namespace, name: $1}
		  local: {path: $2, fsType: ext4}
		  nodeAffinity:
		    required:
		      nodeSelectorTerms:
		      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node]}]
		---
		apiVersion: v1
		kind: PersistentVolumeClaim
		metadata: {name: $1}
		spec:
		  accessModes: [ReadWriteOnce]
		  volumeMode: $3
		  storageClassName: $namespace
		  resources: {requests: {storage: $4Mi}}
	END
}
{
	volume raw "$raw" Block 64
	volume fs "$fs" Filesystem 32
} >"$work/volumes.yaml"
k create -f "$work/volumes.yaml" >/dev/null

pod disks <<END
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  volumeDevices: [{name: raw, devicePath: /dev/disk-of-mine}]
  volumeMounts: [{name: fs, mountPath: /fs}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeDevices: [{name: raw, devicePath: /block/here}]
volumes:
- {name: raw, persistentVolumeClaim: {claimName: raw}}
- {name: fs, persistentVolumeClaim: {claimName: fs}}
END
ready disks 120
expect "its kind" "block special file" "$(in_pod disks stat -c %F /dev/disk-of-mine)"
expect "its size" $((64 << 20)) "$(in_pod disks blockdev --getsize64 /dev/disk-of-mine)"
in_pod disks sh -c 'echo written in the pod | dd of=/dev/disk-of-mine bs=512 seek=100 conv=fsync 2>/dev/null'
expect "what the other container reads" "written in the pod" \
	"$(k exec disks -c d -- dd if=/block/here bs=512 skip=100 count=1 2>/dev/null | tr -d '\0')"
in_pod disks sh -c 'echo in a file >/fs/file; sync'
expect "the file system's size" "20 to 32 MiB" \
	"$(in_pod disks df -k /fs | awk 'END { print ($2 >= 20480 && $2 <= 32768) ? "20 to 32 MiB" : $0 }')"
k delete pod disks --wait --timeout=60s >/dev/null
expect "what is on the node's device" "written in the pod" "$(dd if="$raw" bs=512 skip=100 count=1 2>/dev/null | tr -d '\0')"

pod reader <<END
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  volumeDevices: [{name: raw, devicePath: /dev/disk-of-mine}]
  volumeMounts: [{name: fs, mountPath: /fs}]
volumes:
- {name: raw, persistentVolumeClaim: {claimName: raw, readOnly: true}}
- {name: fs, persistentVolumeClaim: {claimName: fs}}
END
ready reader 120
expect "what the next pod reads" "written in the pod" \
	"$(in_pod reader dd if=/dev/disk-of-mine bs=512 skip=100 count=1 2>/dev/null | tr -d '\0')"
expect "writing where the claim is read-only" refused \
	"$(in_pod reader sh -c 'echo x 2>/dev/null >/dev/disk-of-mine && echo written || echo refused' 2>/dev/null)"
expect "the file on the other volume" "in a file" "$(in_pod reader cat /fs/file)"
passed
