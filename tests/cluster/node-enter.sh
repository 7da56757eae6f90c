#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# node-enter.sh STAGE NAME DIR KUBERNETES CONTAINERD IMAGES - become pid 1 of a node.
#
# Runs in the node's network namespace.  Stage "outside" takes the other new namespaces; stage
# "first" is pid 1 of them, joins the node's cgroups and makes them the root of a cgroup namespace;
# stage "inside" builds the node's mounts, pivots into them and starts node-init.  The process that
# waits outside is in none of the cgroups: with v2, one that holds a process cannot hand on
# controllers.
set -euo pipefail

stage=$1 name=$2 dir=$3 kubernetes=$4 containerd=$5 images=$6
root=$dir/root

enter_cgroups() {
	local group
	while read -r _ group; do
		echo 0 >"$group/cgroup.procs"
	done <"$dir/cgroups"
}

mount_cgroups() {
	local controllers controller target option
	if grep -q '^unified ' "$dir/cgroups"; then
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		mkdir sys/fs/cgroup/init
		echo 0 >sys/fs/cgroup/init/cgroup.procs
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

become_node() {
	build_mounts
	mkdir run/old
	pivot_root . run/old
	cd /
	umount -l /run/old
	rmdir /run/old
	mount --make-rshared /
	hostname "$name"
	exec /node/node-init
}

shift
case $stage in
outside) exec unshare --mount --pid --uts --ipc --fork --kill-child "$0" first "$@" ;;
first)
	enter_cgroups
	exec unshare --cgroup "$0" inside "$@"
	;;
inside) become_node ;;
esac
