#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh NAME OUTDIR - recipe: a Debian node as a disk image, for tests that need a machine of their own.
#
#   disk.ext4   the node: systemd, cgroup v2, Debian's containerd, runc and CNI plugins, sshd
#   vmlinuz     its kernel, Debian's cloud kernel: KVM with nesting, vhost-vsock, vhost-net
#   initrd      busybox and the modules of the disk; it mounts the disk and starts systemd
#   key         the private key of its root
#
# Packages come from the archives this machine's apt uses.  No udev runs in it: devtmpfs has every
# device, and the modules that nobody asks for are in modules-load.d.  Beside the small initrd that
# is what makes it answer seconds after power on, emulated.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
need mmdebstrap mkfs.ext4 busybox ssh-keygen
here=$KATA_TOP/tests/vm/node
disk_size=3G

archives() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' |
		awk -v key="$key" -v suite="$(field "$name" suite)" '
			$1 == "Debian" && index($3, suite) == 1 && !seen[$0]++ {
				print "deb [signed-by=" key "]", $2, $3, $4
			}'
}

install_debian() {
	archives >sources
	[ -s sources ] || die "apt knows no archive of Debian $(field "$name" suite) here; run 'apt-get update'"
	# The kernel's package makes no initrd of its own, which would take longer than the rest.
	INITRD=No mmdebstrap --mode=root --variant=minbase --format=directory \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--include="$(sed 's/ *#.*//; /^$/d' "$here/packages" | paste -sd,)" \
		"$(field "$name" suite)" root sources
}

# What a node that lives for a minute does without.
mask_units() {
	local unit
	for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
		systemd-udev-trigger.service getty.target systemd-logind.service systemd-random-seed.service \
		systemd-journal-flush.service systemd-update-utmp.service systemd-pstore.service \
		apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer; do
		ln -sfn /dev/null "root/etc/systemd/system/$unit"
	done
}

configure() {
	install -m 0755 "$here/node-network" root/usr/local/sbin/
	install -m 0644 "$here/node-network.service" root/etc/systemd/system/
	ln -s ../node-network.service root/etc/systemd/system/multi-user.target.wants/
	mask_units
	: >root/etc/fstab
	printf '%s\n' kvm_amd vhost_vsock vhost_net tun overlay br_netfilter virtio_net virtio_rng \
		>root/etc/modules-load.d/node.conf
	printf '%s\n' 'UsePAM no' 'UseDNS no' 'PasswordAuthentication no' 'MaxSessions 32' \
		>root/etc/ssh/sshd_config.d/node.conf
	ssh-keygen -q -t ed25519 -N '' -C node -f "$out/key"
	install -d -m 0700 root/root/.ssh
	mv "$out/key.pub" root/root/.ssh/authorized_keys
	echo node >root/etc/hostname
}

make_initrd() {
	local version table=initrd.table file given=("busybox=$(command -v busybox)" "init=$here/init")
	version=$(basename root/lib/modules/*)
	cat >"$table" <<-END
		dir dev 0755
		node dev/console 0600 c 5 1
		dir proc 0755
		dir sys 0755
		dir root 0755
		dir modules 0755
		file busybox 0755 busybox
		file init 0755 init
	END
	# In the order in which they need one another; the number keeps it for the shell.
	while read -r _ file _; do
		given+=("$(basename "$file")=root$file")
		printf 'file modules/%03d.ko 0644 %s\n' ${#given[@]} "$(basename "$file")" >>"$table"
	done < <(for module in virtio_pci virtio_blk ext4; do
		chroot root modprobe -S "$version" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++')
	"$KATA_TOP/packaging/guest/mkcpio" "$table" "$out/initrd" "${given[@]}"
}

install_debian
configure
make_initrd
cp root/boot/vmlinuz-* "$out/vmlinuz"
rm -rf root/boot/* root/var/cache/apt/* root/var/lib/apt/lists/*
truncate -s $disk_size "$out/disk.ext4"
mkfs.ext4 -q -F -O ^has_journal -d root "$out/disk.ext4"
rm -rf root
