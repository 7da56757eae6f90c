#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# node-enter.sh NAME DIR KUBERNETES CONTAINERD IMAGES - become pid 1 of a node.
#
# Runs in the node's network namespace.  First it joins the node's cgroups and takes new namespaces,
# then, as pid 1 of them, it builds the node's mounts, pivots into them and starts node-init.
set -euo pipefail

name=$1 dir=$2 kubernetes=$3 containerd=$4 images=$5
root=$dir/root

enter_cgroups() {
	local group
	while read -r _ group; do
		echo $$ >"$group/cgroup.procs"
	done <"$dir/cgroups"
}

mount_cgroups() {
	local controllers controller target option
	if grep -q '^unified ' "$dir/cgroups"; then
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		# The group that hands controllers to others must hold no process itself.
		mkdir -p sys/fs/cgroup/init
		echo $$ >sys/fs/cgroup/init/cgroup.procs
		read -ra controllers <sys/fs/cgroup/cgroup.controllers
		for controller in "${controllers[@]}"; do
			echo "+$controller" >sys/fs/cgroup/cgroup.subtree_control
		done
		return
	fi
	mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	while read -r controllers _; do
		target=sys/fs/cgroup/${controllers#name=} option=$controllers
		[ "${controllers#name=}" = "$controllers" ] || option=none,$controllers
		mkdir "$target"
		mount -t cgroup -o "$option" cgroup "$target"
	done <"$dir/cgroups"
}

# kubelet insists on writing these settings of the whole machine: it gets files of its own instead.
cover_sysctls() {
	local setting file
	for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1 \
		kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
		file=run/sysctl/${setting%=*}
		[ -e "proc/sys/${setting%=*}" ] || continue
		mkdir -p "${file%/*}"
		echo "${setting#*=}" >"$file"
		mount --bind "$file" "proc/sys/${setting%=*}"
	done
}

mount_devices() {
	mount --rbind /dev dev
	mount --make-rslave dev
	mount -t tmpfs -o mode=1777 tmpfs dev/shm
	[ -e dev/net/tun ] || {
		mkdir -p dev/net
		mknod -m 666 dev/net/tun c 10 200
	}
}

build_mounts() {
	mount --make-rprivate /
	mount --bind "$root" "$root"
	cd "$root"
	mount --bind /usr usr
	mount -o remount,ro,bind usr
	mount --bind "$dir/local" usr/local
	mount -t proc proc proc
	mount -t sysfs sysfs sys
	mount_cgroups
	mount_devices
	mount -t tmpfs -o mode=755 tmpfs run
	mount -t tmpfs tmpfs tmp
	mount --bind "$kubernetes" node/kubernetes
	mount --bind "$containerd" node/containerd
	mount --bind "$images" node/images
	cover_sysctls
	[ ! -e usr/bin/systemctl ] || mount --bind node/node-service usr/bin/systemctl
}

if [ $$ != 1 ]; then
	enter_cgroups
	exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child "$0" "$@"
fi

build_mounts
mkdir run/old
pivot_root . run/old
cd /
umount -l /run/old
rmdir /run/old
mount --make-rshared /
hostname "$name"
exec /node/node-init
