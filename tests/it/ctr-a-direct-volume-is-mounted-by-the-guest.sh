#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A direct volume: what a storage driver says with `kata-runtime direct-volume add` of an empty folder is
# a disk that the guest mounts there, with the driver's options and for the pod's group; it is whole when
# the container has gone, and a second container finds what the first wrote.  What cannot be mounted is
# refused by name; without the record the folder is a folder.
. "$(dirname "$0")/testing.sh"
require mkfs.ext4 debugfs
[ "$runtime" != io.containerd.runc.v2 ] || skip "runc has no direct volumes"

volume=$work/pods/one/volumes/kubernetes.io~csi/pv/mount
disk=$work/disk.img
mkdir -p "$volume"
truncate -s 64M "$disk"
mkfs.ext4 -q -F "$disk"
run="inside $kata/bin/kata-runtime direct-volume"
run_with() { # NAME COMMAND...
	local name=$1
	shift
	ctr run --rm --runtime "$runtime" --mount "type=bind,src=$volume,dst=/volume,options=rbind:rw" "$image" "$name" "$@"
}

$run add --volume-path "$volume" --mount-info \
	"{\"volume-type\":\"block\",\"device\":\"$disk\",\"fstype\":\"ext4\",\"metadata\":{\"fsGroup\":\"4321\"},\"options\":[\"noatime\"]}"
record=/run/kata-containers/shared/direct-volumes/$(printf %s "$volume" | base64 -w0 | tr +/ -_)/mountInfo.json
expect "the record" 600 "$(inside stat -c %a "$record")"
run_with first$$ sh -c 'grep " /volume " /proc/mounts; stat -c %g /volume; echo kept >/volume/file' >"$work/out"
expect_match "the mount in the guest" '^/dev/[vs]d[a-z]+ /volume ext4 rw,noatime' "$(cat "$work/out")"
expect "the pod's group" 4321 "$(tail -n 1 "$work/out")"
expect "the node's folder" "" "$(ls "$volume")"
expect "the disk afterwards" kept "$(debugfs -R 'cat /file' "$disk" 2>/dev/null)"
expect "what the next container finds" kept "$(run_with second$$ cat /volume/file)"

$run add --volume-path "$volume" --mount-info "{\"device\":\"$disk\",\"fstype\":\"ntfs3\"}"
expect_match "a file system that the guest lacks" "volume on '/volume': the guest cannot mount 'ntfs3'" \
	"$(run_with third$$ true 2>&1 || true)"
$run remove --volume-path "$volume"
expect_match "a folder without a record" ' /volume virtiofs ' "$(run_with fourth$$ grep " /volume " /proc/mounts)"
eventually 10 "everything to go" nothing_left fourth$$
passed
