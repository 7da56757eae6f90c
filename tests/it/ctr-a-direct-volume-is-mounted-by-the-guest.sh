#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A direct volume: what a storage driver says with `kata-runtime direct-volume add` of an empty folder is
# a disk that the guest mounts there, with the driver's options and for the pod's group; it is whole when
# the container has gone, and a second container finds what the first wrote.  While it is used,
# `direct-volume stats` says what the container sees of its size and `direct-volume resize` makes it larger,
# through the shim's socket, which is root's and goes with the pod; so is one on a block device that grew.  What cannot be mounted is refused by
# name; without the record the folder is a folder.
. "$(dirname "$0")/testing.sh"
require mkfs.ext4 debugfs jq curl
[ "$runtime" != io.containerd.runc.v2 ] || skip "runc has no direct volumes"

volume=$work/pods/one/volumes/kubernetes.io~csi/pv/mount
disk=$work/disk.img
mkdir -p "$volume"
truncate -s 64M "$disk"
mkfs.ext4 -q -F "$disk"
run="inside $kata/bin/kata-runtime direct-volume"
gone() { ! inside test -e "$1"; }
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

# The records of the two that ended are there, and nobody has the volume.
expect_match "the size of what nobody has" "has no shim that can be asked" "$($run stats --volume-path "$volume" 2>&1 || true)"

device_volume=$work/pods/one/volumes/kubernetes.io~csi/device/mount mount_device=()
mkdir -p "$device_volume"
truncate -s 64M "$work/device.img"
if loop=$(losetup -f --show "$work/device.img"); then
	cleanup losetup -d "$loop"
	mkfs.ext4 -q -F -b 4096 "$loop"
	$run add --volume-path "$device_volume" --mount-info "{\"volume-type\":\"block\",\"device\":\"$loop\",\"fstype\":\"ext4\"}"
	mount_device=(--mount "type=bind,src=$device_volume,dst=/device,options=rbind:rw")
else
	note "no loop device is free"
fi
sized=sized$$
ctr run -d --runtime "$runtime" --mount "type=bind,src=$volume,dst=/volume,options=rbind:rw" "${mount_device[@]}" "$image" $sized sleep 1000
total() { $run stats --volume-path "$volume" | jq '.usage[] | select(.unit == 1) | .total'; }
seen() { ctr task exec --exec-id "e$RANDOM" $sized stat -f -c '%b %S' /volume | awk '{ print $1 * $2 }'; }
number='"available":[0-9]+,"total":[0-9]+,"used":[0-9]+'
expect_match "what is said of it" \
	"^\\{\"usage\":\\[\\{$number,\"unit\":1\\},\\{$number,\"unit\":2\\}\\],\"volume_condition\":\\{\"message\":\"OK\"\\}\\}\$" \
	"$($run stats --volume-path "$volume")"
before=$(total)
expect "as the container sees it" "$(seen)" "$before"
grown=$((128 << 20))
expect_match "more than the disk has" "must be made larger on the node first" \
	"$($run resize --volume-path "$volume" --size $grown 2>&1 || true)"
expect_match "less than it has" "cannot become smaller" "$($run resize --volume-path "$volume" --size 1048576 2>&1 || true)"
truncate -s $grown "$disk"
expect "what resize says" "" "$($run resize --volume-path "$volume" --size $grown)"
# Tables of inodes take some of the 64 MiB.
[ "$(total)" -gt $((before + (56 << 20))) ] || fail "it had $before bytes and has $(total)"
expect "as the container sees it" "$(seen)" "$(total)"
$run resize --volume-path "$volume" --size $grown
ctr task exec --exec-id write $sized dd if=/dev/zero of=/volume/large bs=1M count=80
# A device's new size is the device's to say.
if [ -n "$loop" ]; then
	growing="$run resize --volume-path $device_volume --size"
	expect_match "more than the device has" "must be made larger on the node first" "$($growing $grown 2>&1 || true)"
	truncate -s $grown "$work/device.img"
	losetup -c "$loop"
	$growing $grown
	blocks=$(ctr task exec --exec-id grown $sized stat -f -c %b /device)
	((blocks * 4096 > (100 << 20))) || fail "the file system on the device has $blocks blocks"
fi

socket=/run/vc/sbs/$sized/shim-monitor.sock
ask() { inside curl -s --max-time 20 --unix-socket "$socket" "$@"; }
expect "the socket" "srw------- root" "$(inside stat -c '%A %U' "$socket")"
expect_match "where the agent is" '^h?vsock://.*:1024$' "$(ask http://shim/agent-url)"
expect_match "by the path on the node" '^\{"usage"' "$(ask "http://shim/direct-volume/stats?path=$volume")"
expect "what is not served" "this shim does not serve '/debug/pprof' 404" "$(ask -w '%{http_code}' http://shim/debug/pprof | tr '\n' ' ')"
expect "a disk of nobody's" 404 "$(ask -o /dev/null -w '%{http_code}' "http://shim/direct-volume/stats?path=$work/containerd.toml")"
ctr task kill -s KILL $sized
eventually 20 "the container to end" ctr task delete $sized >/dev/null
ctr container delete $sized
eventually 10 "the socket to go" gone "$socket"
debugfs -R 'stat /large' "$disk" 2>/dev/null | grep -q "Size: $((80 << 20))" || fail "what was written behind the old end is not on the disk"

$run add --volume-path "$volume" --mount-info "{\"device\":\"$disk\",\"fstype\":\"ntfs3\"}"
expect_match "a file system that the guest lacks" "volume on '/volume': the guest cannot mount 'ntfs3'" \
	"$(run_with third$$ true 2>&1 || true)"
$run remove --volume-path "$volume"
expect_match "a folder without a record" ' /volume virtiofs ' "$(run_with fourth$$ grep " /volume " /proc/mounts)"
eventually 10 "everything to go" nothing_left fourth$$
passed
