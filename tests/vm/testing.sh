#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# testing.sh - a node that is a machine of its own, for one test.  Sourced by tests/it/*.sh.
#
# The artefact node-vm, or the one that vm_image names, booted by the artefact test-qemu under emulation: a Debian
# with systemd, cgroup v2 and, because an emulated AMD processor has it, a KVM that works.  What a test brings lies on a second
# disk, at /node of the machine.  The machine is on a tap in a network namespace; commands go in by
# ssh over one connection that stays.
#
# Its programs lie at fixed addresses (norandmaps), as QEMU keeps what it translated by its address and would
# translate each process anew.
#
# One thread emulates both processors.  QEMU 7.2 with a thread for each errs where a VM runs in the
# machine: the VM resets itself, the machine's kernel panics or waits for a processor for good.  What can
# still happen is no start, on a busy host that cannot measure the machine's clock.  Where the machine
# itself shows an error that no program in it can make, the test begins once more: tests/run says which
# did, and their logs have both runs.  Any other failure counts at once.
# shellcheck disable=SC2034 # some names are for the tests only
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

require_root
require ip ssh mkfs.ext4
version_dir=${KATA_DIST_DIR:-$top/build/dist}/kata
[ -d "$version_dir" ] || skip "no release in '$version_dir'; './dev package' makes one"
vm_processors=2 vm_memory=3072
boot_seconds=180
# A processor that makes no way for twice these seconds has stopped for good.
on_lockup="watchdog_thresh=60 softlockup_panic=1 softlockup_all_cpu_backtrace=1 panic=-1"

# make_node_disk FOLDER - the second disk, with what lies in FOLDER and room to write.
make_node_disk() {
	truncate -s 4G "$work/node.ext4"
	mkfs.ext4 -q -F -O ^has_journal -d "$1" "$work/node.ext4"
}

# vm_arguments, where set, are more of the kernel's; with vm_has_journal=yes its disk outlives a power cut.
# boot_vm NAME NETNS ADDRESS/BITS GATEWAY - in the network namespace, which has a device vm-NAME on
# the host's side when this returns (a tap); `vm` below runs commands in it.
boot_vm() {
	local image
	image=$("$top/packaging/artefact" "${vm_image:-node-vm}")
	vm_netns=$2 vm_address=${3%/*} vm_key=$image/key
	vm_boot=(-kernel "$image/vmlinuz" -initrd "$image/initrd"
		-append "console=ttyS0 loglevel=5 $on_lockup mitigations=off norandmaps ${vm_arguments:-} net.ifnames=0 node.name=$1 node.address=$3 node.gateway=$4")
	vm_tap=vm-$1
	cp --sparse=always "$image/disk.ext4" "$work/disk.ext4"
	[ -z "${vm_has_journal:-}" ] || tune2fs -O has_journal "$work/disk.ext4" >/dev/null 2>&1
	ip -n "$2" tuntap add "$vm_tap" mode tap
	ip -n "$2" link set "$vm_tap" up
	start_qemu
	cleanup stop_vm
}

start_qemu() {
	local qemu
	qemu=$("$top/packaging/artefact" test-qemu)
	ip netns exec "$vm_netns" "$qemu/bin/qemu-system-x86_64" -nodefaults -display none -no-reboot -L "$qemu/share/kata-qemu/qemu" \
		-machine q35 -accel tcg,thread=single -cpu EPYC -smp $vm_processors -m $vm_memory "${vm_boot[@]}" \
		-drive "if=none,id=d0,file=$work/disk.ext4,format=raw,cache=unsafe" -device virtio-blk-pci,drive=d0 \
		-drive "if=none,id=d1,file=$work/node.ext4,format=raw,cache=unsafe" -device virtio-blk-pci,drive=d1 \
		-netdev "tap,id=n0,ifname=$vm_tap,script=no,downscript=no" -device virtio-net-pci,netdev=n0,romfile= \
		-device virtio-rng-pci -serial "file:$work/console" >>"$work/vmm.log" 2>&1 </dev/null &
	vm_pid=$!
}

# As a power cut: the machine loses what it has not written to its disks, of which the second has no journal.
cut_power() {
	kill -KILL "$vm_pid"
	wait "$vm_pid" || true
	ssh_vm -O exit 2>/dev/null || true
}

# With the disks as they are; wait_vm says when it answers.
power_on() {
	local began=$SECONDS
	vm_took=''
	cp "$work/console" "$work/console.before"
	start_qemu
	wait_vm
	vm_took=$((SECONDS - began))
}

# The first answer; may take a while after boot_vm, so that the test can do something else meanwhile.
wait_vm() {
	eventually $boot_seconds "the machine to answer ($work/console)" connect_vm
	vm_took=$SECONDS
}

# boot_alone - the machine vm1 with what is in $work/node, alone in a network namespace of the test's, until it answers.
boot_alone() {
	local netns=kata-vm$$
	make_node_disk "$work/node"
	cleanup ip netns del $netns
	ip netns add $netns
	boot_vm vm1 $netns 192.0.2.2/24 192.0.2.1
	ip -n $netns addr add 192.0.2.1/24 dev vm-vm1
	wait_vm
	note "the machine answered after $vm_took s"
}

# vm_patience, where set, are the seconds it may take.
ssh_vm() { # OPTION... [COMMAND]
	${vm_patience:+timeout -s KILL "$vm_patience"} ip netns exec "$vm_netns" ssh -i "$vm_key" \
		-o ControlPath="$work/ssh" -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=20 \
		-o ServerAliveInterval=20 -o ServerAliveCountMax=6 "root@$vm_address" "$@"
}

connect_vm() {
	ssh_vm -o ControlMaster=yes -o ControlPersist=yes -N -f
}

# vm COMMAND... - run in the machine, with its streams and its exit status.
vm() { ssh_vm -- "$(printf '%q ' "$@")"; }

# vm_file PATH - stdin becomes that file of the machine.
vm_file() { ssh_vm -- "mkdir -p $(dirname "$1") && cat >$1"; }

# The one VM in the machine runs on what the machine's kernel gives: KVM, vsock and network.
expect_vhost() {
	local arguments threads device
	arguments=$(vm sh -c 'tr "\0" " " </proc/$(pidof qemu-system-x86_64)/cmdline')
	expect_match "KVM" 'accel[ =]kvm' "$arguments"
	expect_match "the kernel's vsock" 'vhost-vsock-pci' "$arguments"
	expect_match "the kernel's network" 'vhost=on|vhostfds?=' "$arguments"
	threads=$(vm ps -e -o comm)
	[[ $threads != *vhost-device-v* ]] || fail "vhost-device-vsock runs beside the kernel's vsock"
	vm sh -c 'ls -l /proc/$(pidof qemu-system-x86_64)/fd' >"$work/fds"
	for device in kvm vhost-vsock vhost-net; do
		grep -q "/dev/$device\$" "$work/fds" || fail "QEMU has no /dev/$device open"
	done
}

# vm_left - of a sandbox that was the only one; fails if there is something.
vm_left() {
	[ -z "$(vm sh -c 'ps -e -o args | grep -E "[c]ontainerd-shim-kata|[q]emu-system|[v]irtiofsd|[v]host-device"
		find /run/kata-containers/shared/sandboxes /run/vc/sbs /run/vc/vm -mindepth 1 2>/dev/null
		find /sys/fs/cgroup -type d -name "kata_*"
		grep kata-containers /proc/mounts
		ip netns list | cut -d" " -f1 | while read -r name; do ip -n "$name" -o link | grep tap; done
		true' | tee /dev/stderr)" ]
}

# Prints what the emulated machine did that no program in it can be blamed for.
machine_error() {
	if [ -z "${vm_took:-}" ]; then
		echo "the machine did not start"
	else
		grep -m 1 -oE 'soft lockup.*|Kernel panic.*' "$work/console"
	fi
}

stop_vm() {
	local vm_patience=20 # the machine may have stopped
	if [ "${ending:-}" != well ]; then
		tail -v -n 30 -- "$work/console"
		grep -v "TCG doesn't support" "$work/vmm.log"
		begin_again=$(machine_error)
		[ -n "$begin_again" ] ||
			ssh_vm -- "journalctl -u containerd -u crio -u kubelet --no-pager -n 60 | cut -c1-300" || true
	fi
	ssh_vm -O exit 2>/dev/null
	kill -KILL "$vm_pid" 2>/dev/null
	wait "$vm_pid" 2>/dev/null
}

passed() { ending=well; }
