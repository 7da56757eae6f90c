#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# variants: FS=ext4
# variants.full: FS=xfs
#
# A root file system of the snapshotter blockfile is mounted by the guest, not by the host: it is of its
# own type there, with what virtio-fs cannot do (flags of files); what a container wrote is on the disk
# when it has gone, and a disk that is a loop device of the host is refused.  Where guests shall have no
# disks, the host mounts it and shares it.
fs=${FS:-ext4}
command -v "mkfs.$fs" >/dev/null || { echo "SKIPPED: no command 'mkfs.$fs' on this machine"; exit 77; }
scratch=$(mktemp -d /tmp/kata-scratch.XXXXXX)
cleanups=("rm -rf $scratch")
containerd_plugins="[plugins.\"io.containerd.snapshotter.v1.blockfile\"]
  root_path = \"$scratch/snapshots\"
  scratch_file = \"$scratch/empty\"
  fs_type = \"$fs\"
  mount_options = []
  recreate_scratch = false"
truncate -s 320M "$scratch/empty"
"mkfs.$fs" -q "$scratch/empty" || { rm -rf "$scratch" && exit 1; }
. "$(dirname "$0")/testing.sh"

run_disk() { # NAME COMMAND...
	local name=$1
	shift
	ctr run --runtime "$runtime" --snapshotter blockfile "$image" "$name" "$@"
}
root=$(run_disk first$$ sh -c 'grep " / " /proc/mounts; echo kept >/kept; lsattr -d /kept 2>/dev/null; true')
if [ "$runtime" != io.containerd.runc.v2 ]; then
	expect_match "the root in the guest" "^/dev/[vs]d[a-z]+ / $fs " "$root"
fi
eventually 10 "everything to go" nothing_left first$$
key=$(ctr containers info first$$ | sed -n 's/.*"SnapshotKey": "\(.*\)".*/\1/p')
read -r _ _ _ file _ < <(ctr snapshots --snapshotter blockfile mounts /mnt "$key")
mkdir "$work/mnt"
inside mount -o loop "$file" "$work/mnt"
expect "what the container wrote" kept "$(inside cat "$work/mnt/kept")"
[ "$runtime" = io.containerd.runc.v2 ] ||
	expect_match "a disk that the host has" 'loop device of the host|busy' "$(ctr task start first$$ 2>&1 || true)"
inside umount "$work/mnt"
expect "the same root again" 0 "$(ctr task start first$$ >/dev/null 2>&1; echo $?)"
ctr containers delete first$$

if [ "$runtime" != io.containerd.runc.v2 ]; then
	printf '[hypervisor.qemu]\ndisable_block_device_use = true\n' \
		>"$kata/share/defaults/kata-containers/config.d/20-test.toml"
	expect_match "the root where guests have no disks" ' / virtiofs ' "$(run_disk second$$ grep ' / ' /proc/mounts)"
	eventually 10 "everything to go" nothing_left second$$
	ctr containers delete second$$
fi
passed
