#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# node.sh - one node of a cluster: a small machine made of namespaces.  Sourced.
#
# A node has its own network, mount (pivot_root), pid, uts, ipc and cgroup namespace, its own root
# folder on disk with the machine's /usr read-only below it, and its own pid 1 (node-init), which
# keeps containerd, kubelet and kube-proxy running.  So a DaemonSet with hostPath and hostPID sees a
# complete machine and the real one stays untouched; the tests read a node's files from outside;
# ending pid 1 ends everything.
#
# Files of a node in $state/nodes/NAME: root (its /), local (its /usr/local), containerd (its major
# version), programs (of Debian's containerd), cgroups (what to remove at the end), pid (of its pid 1), init.log.
# shellcheck disable=SC2154 # the names come from common.sh and cluster

make_root() { # NAME
	local dir root
	dir=$(node_dir "$1") root=$dir/root
	mkdir -p "$root"/{dev,etc,home,mnt,opt,proc,root,run,srv,sys,tmp,usr,var/log,var/lib} \
		"$root"/etc/{containerd/conf.d,cni/net.d} "$root"/node/{kubernetes,containerd,images} \
		"$dir"/local/{bin,sbin,lib}
	mkdir -m 700 "$root/node/pki"
	for link in bin sbin lib lib64; do
		ln -sfn "usr/$link" "$root/$link"
	done
	ln -sfn /run "$root/var/run"
	cp -aL /etc/{passwd,group,nsswitch.conf,ld.so.cache,os-release,protocols,services} "$root/etc/"
	[ ! -d /etc/alternatives ] || cp -a /etc/alternatives "$root/etc/"
	echo "127.0.0.1 localhost $1" >"$root/etc/hosts"
	echo "$1" >"$root/etc/hostname"
	: >"$root/etc/resolv.conf"
	tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

fill_in() { # TEMPLATE NAME: the template with the node's name, number and the pod network
	sed -e "s/@NAME@/$2/g" -e "s/@INDEX@/$(node_index "$2")/g" -e "s/@POD_NET@/$pod_net/g" \
		"$here/config/$1"
}

write_configuration() { # NAME CONTAINERD
	local root pki=$state/pki
	root=$(node_dir "$1")/root
	cp "$here/config/containerd-$2.toml" "$root/etc/containerd/config.toml"
	fill_in cni.conflist "$1" >"$root/etc/cni/net.d/10-pods.conflist"
	fill_in kubelet.yaml "$1" >"$root/etc/kubelet.yaml"
	fill_in kube-proxy.yaml "$1" >"$root/etc/kube-proxy.yaml"
	"$here/pki.sh" node "$pki" "$1" "$(node_ip "$1")"
	cp "$pki"/{ca.crt,"kubelet-$1".crt,"kubelet-$1".key,"node-$1".kubeconfig,kube-proxy.kubeconfig} \
		"$root/node/pki/"
	cp "$here/node-init" "$here/node-service" "$root/node/"
	# How an installer restarts a service of a node that has no systemd.
	cp "$here/node-service" "$(node_dir "$1")/local/bin/systemctl"
	cat >"$root/node/env" <<-END
		NODE_NAME=$1
		NODE_IP=$(node_ip "$1")
	END
	echo "$2" >"$(node_dir "$1")/containerd"
}

connect_node() { # NAME
	local name=$1 own=$netns-$1 ip
	ip=$(node_ip "$name")
	ip netns add "$own"
	ip -n "$netns" link add "node-$name" type veth peer name eth0 netns "$own"
	ip -n "$netns" link set "node-$name" master fabric up
	ip -n "$own" link set lo up
	ip -n "$own" addr add "$ip/24" dev eth0
	ip -n "$own" link set eth0 up
	ip -n "$own" route add default via "$bridge_ip"
	ip netns exec "$own" sysctl -qw net.ipv4.ip_forward=1
	ip -n "$netns" route replace "$pod_net.$(node_index "$name").0/24" via "$ip"
}

# With cgroup v1, a group below the caller's own in every hierarchy; with v2, a group at the top,
# because a group that holds processes cannot hand controllers to its children.
make_cgroups() { # NAME: prints "CONTROLLERS FOLDER" for each hierarchy
	local controllers path mount group
	while IFS=: read -r _ controllers path; do
		mount=/sys/fs/cgroup/${controllers#name=}
		group=$mount${path%/}/$netns-$1
		if [ -z "$controllers" ]; then
			[ -e /sys/fs/cgroup/cgroup.subtree_control ] || continue
			group=/sys/fs/cgroup/$netns-$1 controllers=unified
			delegate_controllers /sys/fs/cgroup
		fi
		[ -d "$mount" ] || continue
		mkdir -p "$group"
		if [ "$controllers" = cpuset ]; then
			cat "$mount${path%/}/cpuset.cpus" >"$group/cpuset.cpus"
			cat "$mount${path%/}/cpuset.mems" >"$group/cpuset.mems"
		fi
		echo "$controllers $group"
	done </proc/self/cgroup
}

delegate_controllers() { # CGROUP: hands every controller it has to its children
	local controllers controller
	read -ra controllers <"$1/cgroup.controllers"
	for controller in "${controllers[@]}"; do
		echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || true
	done
}

remove_cgroups() { # FILE
	local group
	while read -r _ group; do
		wait_for 30 "the cgroup $group to empty" remove_tree "$group"
	done <"$1"
}

remove_tree() { # CGROUP
	[ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# containerd_programs NAME - the folder its containerd is in: Debian's three programs and nothing else
# of /usr/bin, or the artefact.
containerd_programs() {
	local dir
	dir=$(node_dir "$1")
	if [ "$(cat "$dir/containerd")" = 1 ]; then
		mkdir -p "$dir/programs"
		ln -sfn /usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$dir/programs/"
		echo "$dir/programs"
	else
		echo "$containerd"
	fi
}

# unshare --fork stays outside as the parent of the node's pid 1 and goes when that goes.
start_init() { # NAME
	local dir
	dir=$(node_dir "$1")
	make_cgroups "$1" >"$dir/cgroups"
	setsid nsenter --net="/run/netns/$netns-$1" -- "$here/node-enter.sh" outside "$1" "$dir" "$kubernetes" \
		"$(containerd_programs "$1")" "$images" \
		>"$dir/init.log" 2>&1 </dev/null 9>&- &
	wait_for 30 "pid 1 of node $1 ($dir/init.log)" find_init "$1" $!
}

find_init() { # NAME PARENT
	local child children space own
	own=$(readlink "/proc/$2/ns/pid") || return 1
	# The file has no newline at its end, so read fails even when it read something.
	read -ra children 2>/dev/null <"/proc/$2/task/$2/children" || true
	for child in "${children[@]}"; do
		# What the scripts run on the way to it is a child, too, and may be gone by now.
		space=$(readlink "/proc/$child/ns/pid") || continue
		[ "$space" != "$own" ] || continue
		remember "$(node_dir "$1")/pid" "$child" && return 0
	done
	return 1
}

in_node() { # NAME COMMAND...
	local pid path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	pid=$(alive "$(node_dir "$1")/pid") || die "node '$1' is not running"
	shift
	nsenter -t "$pid" -m -u -i -n -p -C -r -w /usr/bin/env -i PATH=/node/containerd:$path:/node/kubernetes \
		HOME=/root TERM="${TERM:-dumb}" CONTAINERD_NAMESPACE=k8s.io "$@"
}

node_alive() { alive "$(node_dir "$1")/pid" >/dev/null; }

node_up() { # NAME CONTAINERD
	node_alive "$1" && return 0
	[ ! -e "$(node_dir "$1")" ] || node_down "$1"
	make_root "$1"
	write_configuration "$1" "$2"
	connect_node "$1"
	start_init "$1"
}

# Power off and on again: the disk stays, every process goes.
node_reboot() { # NAME
	local dir
	dir=$(node_dir "$1")
	end_process "$dir/pid"
	remove_cgroups "$dir/cgroups"
	start_init "$1"
}

node_down() { # NAME
	local dir
	dir=$(node_dir "$1")
	[ ! -e "$dir/pid" ] || end_process "$dir/pid"
	[ ! -e "$dir/cgroups" ] || remove_cgroups "$dir/cgroups"
	[ ! -e "/run/netns/$netns-$1" ] || ip netns del "$netns-$1"
	rm -rf --one-file-system "$dir"
}
