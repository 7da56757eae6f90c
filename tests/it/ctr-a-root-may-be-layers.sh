#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# tier: full
# variants: UPPER=folder UPPER=disk
# twin: runc
#
# An image of the snapshotter erofs: the guest mounts its layers from their files and makes an overlay of
# them, however many they are, whose upper folder is the snapshotter's or on a disk of its own.  What the
# image hides is hidden; what a container wrote and removed is so when it starts again.  Where a guest
# must not have disks, and where users are mapped, the host puts the layers together, in nobody's list of
# mounts.  Where nothing is shared each layer is a disk of the guest's.
containerd_plugins="[plugins.\"io.containerd.snapshotter.v1.erofs\"]
$([ "${UPPER:-folder}" = folder ] || echo '  default_size = "64MiB"')
[plugins.\"io.containerd.service.v1.diff-service\"]
  default = [\"walking\"]"
. "$(dirname "$0")/testing.sh"
require mkfs.erofs mkfs.ext4 jq
grep -qw erofs /proc/filesystems || skip "this kernel has no erofs"
layered=kata.test/layered:1 layers=20

digest() { sha256sum "$1" | cut -d' ' -f1; }

blob() { # FILE MEDIATYPE - adds it to the image, prints its descriptor
	local sum
	sum=$(digest "$1")
	cp "$1" "$work/image/blobs/sha256/$sum"
	jq -nc --arg d "sha256:$sum" --arg m "$2" --argjson s "$(stat -c %s "$1")" '{mediaType: $m, digest: $d, size: $s}'
}

# Busybox, layers that each write /number and remove the file of the one before, and one that hides what
# a folder had.
make_image() {
	local type=application/vnd.oci.image base i
	mkdir -p "$work/image/blobs/sha256" "$work/base"
	tar -C "$work/base" -xf "$("$top/packaging/artefact" test-images)/busybox.tar"
	base=$(jq -r '.manifests[0].digest' "$work/base/index.json")
	base=$(jq -r '.layers[0].digest' "$work/base/blobs/${base/://}")
	zcat -f "$work/base/blobs/${base/://}" >"$work/layer.0"
	for ((i = 1; i < layers; i++)); do
		rm -rf "$work/tree"
		mkdir -p "$work/tree/folder"
		echo $i | tee "$work/tree/number" "$work/tree/file.$i" >"$work/tree/folder/$i"
		[ $i = 1 ] || touch "$work/tree/.wh.file.$((i - 1))"
		[ $i != 5 ] || touch "$work/tree/folder/.wh..wh..opq"
		tar -C "$work/tree" --owner 0 --group 0 -cf "$work/layer.$i" .
	done
	for ((i = 0; i < layers; i++)); do
		blob "$work/layer.$i" $type.layer.v1.tar >>"$work/layers.json"
		echo "\"sha256:$(digest "$work/layer.$i")\"" >>"$work/diffs.json"
	done
	jq -nc --slurpfile d "$work/diffs.json" \
		'{architecture: "amd64", os: "linux", config: {}, rootfs: {type: "layers", diff_ids: $d}}' >"$work/config.json"
	blob "$work/config.json" $type.config.v1+json >"$work/config.desc"
	jq -nc --slurpfile c "$work/config.desc" --slurpfile l "$work/layers.json" --arg t $type.manifest.v1+json \
		'{schemaVersion: 2, mediaType: $t, config: $c[0], layers: $l}' >"$work/manifest.json"
	blob "$work/manifest.json" $type.manifest.v1+json | jq -c --arg n $layered \
		'{schemaVersion: 2, manifests: [. + {annotations: {"io.containerd.image.name": $n}}]}' >"$work/image/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
	tar -C "$work/image" -cf "$work/image.tar" .
}
run_layers() { # ARGUMENTS OF ctr run...
	ctr run --runtime "$runtime" --snapshotter erofs "$@"
}
make_image
ctr images import --no-unpack "$work/image.tar" >"$work/import.log" 2>&1 || fail "$(cat "$work/import.log")"
mounts() { inside grep -c . /proc/mounts; }
mounted=$(mounts)
is_ours() { [ "$runtime" != io.containerd.runc.v2 ]; }

right="$((layers - 1)) file.$((layers - 1)) $((layers - 5))"
# shellcheck disable=SC2016 # the guest's
look='echo $(cat /number) $(cd /; echo file.*) $(ls /folder | wc -l)'
# shellcheck disable=SC2016
run_layers $layered first$$ sh -c "$look"'; grep " / " /proc/mounts
	[ -d /bin2 ] || { echo mine >/number; rm -r /folder; mkdir /folder; echo kept >/folder/kept; mkdir /bin2; }' \
	>"$work/out"
expect "what the image shows" "$right" "$(head -n 1 "$work/out")"
! is_ours || expect_match "the root in the guest" '^overlay / overlay .*lowerdir.*=/run/kata-containers/first' "$(tail -n 1 "$work/out")"
! is_ours || eventually 10 "everything to go" nothing_left first$$
expect "the host's mounts" "$mounted" "$(mounts)"
ctr tasks delete first$$ >/dev/null 2>&1 || true
expect "what it made of it" "mine file.$((layers - 1)) 1" "$(ctr tasks start first$$ | head -n 1)"
ctr containers delete first$$

expect "a root that is read-only" "$right ro" "$(run_layers --rm --read-only $layered second$$ \
	sh -c "$look; touch /number 2>/dev/null || echo ro" | paste -sd' ')"
expect "an image of one layer" ro "$(run_layers --rm --read-only $image third$$ sh -c 'touch /x 2>/dev/null || echo ro')"
if [ "${UPPER:-folder}" = folder ] || is_ours; then
	expect "with mapped users" "$right 0 x" "$(
		run_layers --rm --remap-labels --uidmap 0:1048576:65536 --gidmap 0:1048576:65536 $layered fourth$$ \
			sh -c "$look; stat -c %u /number; echo x >/number; cat /number" | paste -sd' ')"
fi
if ! is_ours; then
	passed
	exit 0
fi

printf '[hypervisor.qemu]\ndisable_block_device_use = true\n' >"$kata/share/defaults/kata-containers/config.d/20-test.toml"
# shellcheck disable=SC2016
expect "put together by the host" "$right virtiofs x" "$(run_layers --rm $layered fifth$$ \
	sh -c "$look"'; while read -r _ on type _; do [ $on != / ] || echo $type; done </proc/mounts; echo x >/number; cat /number' | paste -sd' ')"
eventually 10 "everything to go" nothing_left fifth$$
expect "the host's mounts" "$mounted" "$(mounts)"

printf '[hypervisor.qemu]\nshared_fs = "none"\n' >"$kata/share/defaults/kata-containers/config.d/20-test.toml"
if [ "${UPPER:-folder}" = folder ]; then
	expect_match "an upper folder of the host's" 'nothing is shared with the guest .* erofs with default_size' \
		"$(run_layers --rm $layered sixth$$ true 2>&1 || true)"
else
	# shellcheck disable=SC2016
	expect "layers that are disks" "$right overlay x" "$(run_layers --rm $layered sixth$$ \
		sh -c "$look"'; while read -r _ on type _; do [ $on != / ] || echo $type; done </proc/mounts; echo x >/number; cat /number' | paste -sd' ')"
fi
eventually 10 "everything to go" nothing_left sixth$$
passed
