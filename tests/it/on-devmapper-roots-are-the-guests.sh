#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# place: machine
#
# On a machine with device mapper and containerd's snapshotter devmapper, a thin pool: the root file system
# of a container is a disk that the guest mounts, with ext4 and with XFS, kept from one start to the next;
# one that the node has mounted is refused, one that a guest has the node cannot mount; and when the
# containers are gone, their devices are.  A direct volume on a linear device, as LVM makes it, grows with it.
. "$(dirname "$0")/../vm/testing.sh"
require mkfs.xfs

image=kata.test/busybox:1
mkdir -p "$work/node/tools"
cp -a "$version_dir" "$work/node/kata"
cp "$("$top/packaging/artefact" test-images)/busybox.tar" "$work/node/"
# The machine lacks it, and is of the same Debian as this one.
cp -L "$(command -v mkfs.xfs)" "$work/node/tools/mkfs.bin"
ldd "$work/node/tools/mkfs.bin" | awk '$3 ~ "^/" { print $3 }' | xargs cp -Lt "$work/node/tools/"
printf '#!/bin/sh\nLD_LIBRARY_PATH=/node/tools exec /node/tools/mkfs.bin "$@"\n' >"$work/node/tools/mkfs.xfs"
chmod +x "$work/node/tools/mkfs.xfs"
cat >"$work/node/pool" <<'END'
set -eu
export DM_DISABLE_UDEV=1 # there is none here
modprobe -a dm-thin-pool loop
truncate -s 2G /node/data
truncate -s 64M /node/meta
dmsetup create pool --table "0 $((2 * 1024 * 2048)) thin-pool $(losetup -f --show /node/meta) \
	$(losetup -f --show /node/data) 128 1024 1 skip_block_zeroing"
mkdir -p /etc/systemd/system/containerd.service.d
printf '[Service]\nEnvironment=DM_DISABLE_UDEV=1\n' >/etc/systemd/system/containerd.service.d/pool.conf
systemctl daemon-reload
END
cat >"$work/node/use" <<'END'
set -eu
cat >/etc/containerd/config.toml <<TOML
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.snapshotter.v1.devmapper"]
  pool_name = "pool"
  root_path = "/var/lib/containerd/devmapper"
  base_image_size = "512MB"
  fs_type = "$1"
  discard_blocks = true
TOML
systemctl restart containerd
ctr images import --snapshotter devmapper /node/busybox.tar >/dev/null
END
cat >"$work/node/linear" <<'END'
set -eu
export DM_DISABLE_UDEV=1
truncate -s 128M /node/linear.img
dmsetup create linear --table "0 131072 linear $(losetup -f --show /node/linear.img) 0"
mkfs.ext4 -q -F -b 4096 /dev/mapper/linear
mkdir -p /srv/linear
/opt/kata/bin/kata-runtime direct-volume add --volume-path /srv/linear \
	--mount-info '{"volume-type":"block","device":"/dev/mapper/linear","fstype":"ext4"}'
END
cat >"$work/node/grow" <<'END'
set -eu
export DM_DISABLE_UDEV=1
dmsetup table linear | sed 's/ 131072 / 262144 /' >/node/table
dmsetup load linear /node/table
dmsetup suspend linear
dmsetup resume linear
END
boot_alone
vm ln -sfn /node/kata /opt/kata
vm ln -s /node/kata/bin/containerd-shim-kata-v2 /node/tools/mkfs.xfs /usr/local/bin/
vm sh /node/pool

devices() { vm dmsetup ls | cut -f 1 | sort | paste -sd' '; }
no_disk_left() { [ "$(devices)" = pool ]; }
for fs in ext4 xfs; do
	vm sh /node/use $fs
	# The first time it stays, the second time it has been there.
	vm ctr run -d --snapshotter devmapper --runtime io.containerd.kata.v2 $image $fs \
		sh -c 'if [ -e /kept ]; then cat /kept; else grep " / " /proc/mounts >/kept; sync; exec sleep 1000; fi'
	eventually 60 "the container to write" vm ctr tasks exec --exec-id "e$RANDOM" $fs test -s /kept
	disk=/dev/mapper/$(vm dmsetup ls | sed -n 's/\(pool-snap-[0-9]*\).*/\1/p' | sort -V | tail -n 1)
	expect_match "a mount of what the guest has" 'busy|already mounted' "$(vm mount "$disk" /mnt 2>&1 || true)"
	vm ctr tasks kill --signal KILL $fs
	stopped() { [[ $(vm ctr tasks ls) =~ $fs\ +[0-9]+\ +STOPPED ]]; }
	eventually 60 "the task to stop" stopped
	vm ctr tasks delete $fs >/dev/null 2>&1 || true

	vm mount -o "$([ $fs = ext4 ] || echo nouuid)" "$disk" /mnt
	expect_match "what it wrote" "^/dev/[vs]d[a-z]+ / $fs " "$(vm cat /mnt/kept)"
	expect_match "one that the node has mounted" "cannot have .* alone" "$(vm ctr tasks start $fs 2>&1 || true)"
	vm umount /mnt
	expect_match "what it finds the next time" "^/dev/[vs]d[a-z]+ / $fs " "$(vm ctr tasks start $fs)"
	vm ctr containers delete $fs
	vm ctr images rm --sync $image >/dev/null
	eventually 30 "the pool to be empty" no_disk_left
done

vm sh /node/linear
vm ctr images import --snapshotter devmapper /node/busybox.tar >/dev/null
vm ctr run -d --snapshotter devmapper --runtime io.containerd.kata.v2 --mount type=bind,src=/srv/linear,dst=/v,options=rbind:rw \
	$image grows sleep 1000
blocks() { vm ctr tasks exec --exec-id "e$RANDOM" grows stat -f -c %b /v; }
resize() { vm /opt/kata/bin/kata-runtime direct-volume resize --volume-path /srv/linear --size $((128 << 20)); }
before=$(blocks)
expect_match "more than the device has" "must be made larger on the node first" "$(resize 2>&1 || true)"
vm sh /node/grow
resize
(($(blocks) > before + 12000)) || fail "the file system had $before blocks and has $(blocks)"
vm ctr tasks kill --signal KILL grows
passed
