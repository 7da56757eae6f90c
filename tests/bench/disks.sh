#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# disks.sh - small files on disks of the guest's: its root (the snapshotter blockfile) and an emptyDir
# (emptydir_mode = "block-plain"), beside the same guest's tmpfs.  Prints "name value ...".
#
# The test's own containerd (tests/it/testing.sh).  files.c takes the time itself, as in files.sh; a value is the sum
# of its four.
exec 3>&1 >&2
scratch=$(mktemp -d /tmp/kata-scratch.XXXXXX)
cleanups=("rm -rf $scratch")
containerd_plugins="[plugins.\"io.containerd.snapshotter.v1.blockfile\"]
  root_path = \"$scratch/snapshots\"
  scratch_file = \"$scratch/empty\"
  fs_type = \"ext4\"
  mount_options = []
  recreate_scratch = false"
truncate -s 320M "$scratch/empty"
# As large ones are made: blocks of 4 KiB.
mkfs.ext4 -q -T default "$scratch/empty"
. "$(dirname "$0")/../it/testing.sh"
runs=${BENCH_RUNS:-5}
count=${BENCH_FILES:-5000}

printf '[runtime]\nemptydir_mode = "block-plain"\n' >"$kata/share/defaults/kata-containers/config.d/20-test.toml"
volume=$work/pods/one/volumes/kubernetes.io~empty-dir/cache
mkdir -p "$volume" "$work/host"
musl-gcc -std=gnu17 -Os -static -s -o "$work/host/files" "$top/tests/bench/files.c"
name=disks$$
ctr run -d --runtime "$runtime" --snapshotter blockfile --mount "type=bind,src=$volume,dst=/empty,options=rbind:rw" \
	--mount "type=bind,src=$work/host,dst=/host,options=rbind:ro" "$image" "$name" sleep 100000
expect "the guest's disks" "/ ext4 /empty ext4" \
	"$(ctr task exec --exec-id m "$name" grep -E ' (/|/empty) ' /proc/mounts | cut -d' ' -f2,3 | sort | paste -sd' ')"

declare -A lists=([root]='' [empty]='' [memory]='')
declare -A places=([root]=/f [empty]=/empty [memory]=/dev/shm)
ctr task exec --exec-id d "$name" mkdir /f
for ((i = -1; i < runs; i++)); do
	# In turn, so that all share how fast the machine is just now; the first of each does not count.
	for place in "${!places[@]}"; do
		took=$(ctr task exec --exec-id "$place$((i + 1))" "$name" /host/files "${places[$place]}" "$count")
		[ "$i" = -1 ] || lists[$place]+=" $(awk '{ print $1 + $2 + $3 + $4 }' <<<"$took")"
	done
done
for place in "${!places[@]}"; do
	echo "disks_$place${lists[$place]}" >&3
done
ctr task kill -s KILL "$name"
eventually 30 "the end of $name" has_ended "$name"
passed
