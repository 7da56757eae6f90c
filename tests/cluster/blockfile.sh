#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# blockfile.sh - a handler whose snapshotter is blockfile: each root file system is a disk.  Sourced after testing.sh;
# only containerd 2 has snapshotters of a handler.
# shellcheck disable=SC2154 # node_root, runtime_class and cluster come from testing.sh
[ "$(cat "$node_root/../containerd")" != 1 ] || skip "containerd 1.6 has no snapshotter of a handler"
require mkfs.ext4

blockfile_conf=$node_root/etc/containerd/conf.d/zz-blockfile.toml
snapshots() { on_node ctr -n k8s.io snapshots --snapshotter blockfile "$@" 2>/dev/null; }

# containerd remembers the snapshots of a snapshotter that it has no more, so they go first, the last layer first.
no_snapshots() {
	local name
	for name in $(snapshots ls | awk 'NR > 1 { print $1 }'); do
		snapshots rm "$name" >/dev/null || true
	done
	[ "$(snapshots ls | wc -l)" -le 1 ]
}

blockfile_as_before() {
	"$cluster" kubectl delete runtimeclass "$blockfile_handler" --ignore-not-found >/dev/null
	k delete pod --all --wait --timeout=60s >/dev/null 2>&1
	eventually 30 "the snapshots to go" no_snapshots
	rm -f "$blockfile_conf"
	on_node systemctl restart containerd
	rm -rf "$node_root/var/lib/disks"
}

# The keys of the table of RuntimeClass $runtime_class's handler.
keys_of_runtime() {
	local class
	class=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')
	grep -rh -A 9 "containerd.runtimes.*$class\]" "$node_root/etc/containerd/conf.d" | sed '1d;/^\[/,$d;/^$/d'
}

# make_blockfile_handler NAME - a RuntimeClass and a handler; standard input has the other keys of its table, in which
# @TABLE@ is the table's name.
make_blockfile_handler() {
	local table="plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.$1"
	blockfile_handler=$1
	cleanup blockfile_as_before
	mkdir "$node_root/var/lib/disks"
	truncate -s 64M "$node_root/var/lib/disks/empty"
	mkfs.ext4 -q -F "$node_root/var/lib/disks/empty"
	{
		cat <<-END
			version = 3
			[plugins."io.containerd.snapshotter.v1.blockfile"]
			root_path = "/var/lib/disks/snapshots"
			scratch_file = "/var/lib/disks/empty"
			fs_type = "ext4"
			mount_options = []
			recreate_scratch = false
			[$table]
			snapshotter = "blockfile"
		END
		sed "s~@TABLE@~$table~"
	} >"$blockfile_conf"
	on_node systemctl restart containerd
	"$cluster" kubectl create -f - >/dev/null <<-END
		apiVersion: node.k8s.io/v1
		kind: RuntimeClass
		metadata: {name: $1}
		handler: $1
	END
}
