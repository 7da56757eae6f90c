#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 900
# variants: CONTAINERD=2 CONTAINERD=1
# place: own
#
# SNAPSHOTTER_HANDLER_MAPPING: one that containerd has not is refused before anything is touched; with native, and then with
# blockfile, whose roots are disks, the pods in VMs have their images from there and all others from where they had
# them; a pod that runs outlives the changes; without the setting, all is as before, and so is the node after a removal.
#
# containerd 1.6 knows no snapshotter of a handler, and says so.  There the whole node has native.
. "$(dirname "$0")/../installing.sh"
require mkfs.ext4
version=$(cat "$top/VERSION")

# as MAPPING - the manifests with that setting.
as() {
	manifests "$version" | sed "/^ *- name: KATA_RESTART_COMMAND/{h;s/name:.*/name: SNAPSHOTTER_HANDLER_MAPPING/p;s/- name:.*/  value: \"$1\"/p;g}" |
		k apply -f - >/dev/null
}
rolled_out() { system rollout status daemonset/kata-deploy --timeout=240s >/dev/null || { says; fail "not rolled out"; }; }
snapshots() { on_node ctr -n k8s.io snapshots --snapshotter "$1" ls 2>/dev/null | awk 'NR > 1 && $NF == "Active"' | wc -l; }
expect_restored() {
	configuration >"$work/now"
	diff "$work/configuration" "$work/now" || fail "the configuration of containerd is not what it was"
}

begin_pod() { # NAME
	k create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec:
		  runtimeClassName: kata
		  terminationGracePeriodSeconds: 1
		  containers: [{name: c, image: "kata.test/busybox:1", command: [sh, -c, "echo mine >/mine; exec sleep 100000"]}]
	END
	k wait --for=condition=Ready "pod/$1" --timeout=120s >/dev/null || {
		k describe pod "$1"
		fail "no pod runs"
	}
	expect "what it wrote" mine "$(k exec "$1" -- cat /mine)"
}

cleanup says
"$cluster" load "$name" "$dist/kata-deploy-image.tar"
if [ "$containerd" = 1 ]; then
	note "refused"
	configuration >"$work/configuration"
	pid=$(containerd_pid)
	as qemu:native
	eventually 60 "the refusal" has_event KataInstallFailed 'snapshotter.*1\.7'
	expect_restored
	expect "pid of containerd" "$pid" "$(containerd_pid)"

	note "native for the whole node"
	sed -i 's/snapshotter = "overlayfs"/snapshotter = "native"/' "$root/etc/containerd/config.toml"
	on_node systemctl restart containerd
	configuration >"$work/configuration"
	as ""
	system delete pod -l app=kata-deploy >/dev/null
	eventually 240 "the label" is_labelled true
	begin_pod box
	[ "$(snapshots native)" -gt 0 ] || fail "the pod's root is not in native"
else
	# As an administrator sets it up.
	mkdir "$root/var/lib/disks"
	truncate -s 64M "$root/var/lib/disks/empty"
	mkfs.ext4 -q -F "$root/var/lib/disks/empty"
	cat >"$root/etc/containerd/conf.d/blockfile.toml" <<-END
		version = 3
		[plugins."io.containerd.snapshotter.v1.blockfile"]
		root_path = "/var/lib/disks/snapshots"
		scratch_file = "/var/lib/disks/empty"
		fs_type = "ext4"
		mount_options = []
		recreate_scratch = false
	END
	on_node systemctl restart containerd
	configuration >"$work/configuration"

	note "one that is not there"
	pid=$(containerd_pid)
	as qemu:zfs
	eventually 60 "the refusal" has_event KataInstallFailed "no snapshotter 'zfs' that works, only .*blockfile.*native"
	expect_restored
	expect "pid of containerd" "$pid" "$(containerd_pid)"

	note "native"
	as qemu:native
	eventually 240 "the label" is_labelled true
	rolled_out
	expect "roots in native" 0 "$(snapshots native)"
	begin_pod box
	expect "roots in native" 2 "$(snapshots native)"
	[[ $(k exec box -- grep ' / ' /proc/mounts) != /dev/* ]] || fail "the root is a disk"

	note "blockfile, beside it"
	as qemu:blockfile
	rolled_out
	eventually 60 "the label" is_labelled true
	begin_pod disk
	expect_match "the root" '^/dev/[a-z0-9]+ / ext4 rw' "$(k exec disk -- grep ' / ' /proc/mounts)"
	expect "what the first pod wrote" mine "$(k exec box -- cat /mine)"
	expect "roots in native" 2 "$(snapshots native)"

	note "none of its own, beside both"
	as ""
	rolled_out
	eventually 60 "the label" is_labelled true
	[[ $(on_node cat /etc/containerd/conf.d/kata-deploy.toml) != *snapshotter* ]] || fail "there is still one"
	begin_pod usual
	[[ $(k exec usual -- grep ' / ' /proc/mounts) != /dev/* ]] || fail "the root is a disk"
	expect "what the others wrote" "mine mine" "$(k exec box -- cat /mine) $(k exec disk -- cat /mine)"
fi

note "removed"
k delete pod --all --timeout=60s >/dev/null
system delete daemonset kata-deploy --cascade=foreground --timeout=300s >/dev/null
expect "the label" "" "$(label)"
expect_restored
