#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# parts.sh - what is measured, one function a part.  Sourced by tests/bench/run.
#
# A part prepares what it needs, records its measures and removes what it made.
# shellcheck disable=SC2154 # top, out, release and runs come from run
# shellcheck disable=SC2034 # accelerator_name is for run

prepare_moment() {
	cmake -S "$top" -B "$out/build" -G Ninja -DKATA_PARTS='lib;tests/bench' -DCMAKE_BUILD_TYPE=Release >"$out/build.log"
	cmake --build "$out/build" --target moment >>"$out/build.log"
	moment=$out/build/bin/moment
	export moment
}

size_of() { stat -Lc %s "$1"; }

part_size() {
	strip -o "$out/agent" "$top/build/release/bin/kata-agent"
	record agent_binary "$(size_of "$out/agent")"
	record shim_binary "$(size_of "$release/bin/containerd-shim-kata-v2")"
	record runtime_binary "$(size_of "$release/bin/kata-runtime")"
	record initrd "$(size_of "$release/share/kata-containers/kata-containers-initrd.img")"
	record kernel "$(size_of "$release/share/kata-containers/vmlinux.container")"
	record archive "$(stat -c %s "$top"/build/dist/kata-static-*.tar.zst)"
	record image "$(size_of "$top/build/dist/kata-deploy-image.tar")"
}

# The accelerator the shim would choose, and its name for the reader.
choose_accelerator() {
	if [ "$("$release/bin/kata-runtime" env --json | jq .Host.VMContainerCapable)" = true ]; then
		accelerator=(-accel kvm -cpu host)
		accelerator_name="KVM"
	else
		accelerator=(-accel "tcg,thread=multi" -cpu "max,erms=off,fsrm=off,la57=off")
		kernel_line+=" mitigations=off init_on_alloc=1 initcall_blacklist=crc32c_intel_mod_init"
		accelerator_name="QEMU's emulation"
	fi
	export kernel_line
}

# The shim's QEMU with and without the agent's channel; the kernel's command line is the shim's as well, which
# ctr.sh compares with a guest's.
bare_qemu=(-M "q35,memory-backend=mem0" -smp 1 -m 256 -nodefaults -no-user-config
	-display none -no-reboot -bios qboot.rom -object "memory-backend-memfd,id=mem0,size=256M,share=on")
kernel_line="console=ttyS0 panic=1 reboot=t quiet no_timer_check tsc=reliable noreplace-smp random.trust_cpu=on 8250.nr_uarts=1"
kernel_line+=" rcupdate.rcu_expedited=1 pcie_ports=compat pnpacpi=off numa=off swiotlb=noforce"
kernel_line+=" initcall_blacklist=i8042_init,init_acpi_pm_clocksource initcall_blacklist=shpcd_init,acpi_button_driver_init"
ready_port=1101

qemu() {
	echo "$release/bin/qemu-system-x86_64" -L "$release/share/kata-qemu/qemu" "${bare_qemu[@]}" "${accelerator[@]}" -serial stdio \
		-kernel "$release/share/kata-containers/vmlinux.container"
}

boot_limit() {
	# shellcheck disable=SC2046 # words on purpose: no argument of ours has a blank but the last
	"$moment" --line up $(qemu) -initrd "$out/initrd" -append "$kernel_line"
}

# The vsock device is up before the clock starts, as it is when the shim starts QEMU.
agent_ready() {
	local pid result
	rm -f "$out"/vsock*
	"$release/libexec/vhost-device-vsock" --vm "guest-cid=3,socket=$out/vsock-device,uds-path=$out/vsock,tx-buffer-size=24576" >"$out/vsock.log" 2>&1 &
	pid=$!
	until [ -S "$out/vsock-device" ]; do kill -0 "$pid"; done
	# shellcheck disable=SC2046
	result=$("$moment" --accept "$out/vsock_$ready_port" $(qemu) \
		-initrd "$release/share/kata-containers/kata-containers-initrd.img" \
		-chardev "socket,id=vs0,path=$out/vsock-device" -device vhost-user-vsock-pci,chardev=vs0 \
		-append "$kernel_line agent.ready_vport=$ready_port cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1")
	kill "$pid"
	wait "$pid" || true
	echo "$result"
}

part_boot() {
	musl-gcc -Os -static -s -o "$out/init" "$top/tests/bench/init.c"
	"$top/packaging/guest/initrd.sh" "$out/init" "$out/initrd"
	repeat boot_limit agent_ready
}

part_ctr() { "$top/tests/bench/ctr.sh" >"$out/ctr.values"; read_values "$out/ctr.values"; }

part_kernel() {
	"$top/tests/bench/kernel.sh" "$out/table.kernel" >"$out/kernel.values"
	read_values "$out/kernel.values"
}

part_data() { "$top/tests/bench/data.sh" >"$out/data.values"; read_values "$out/data.values"; }

part_rounds() { "$top/tests/bench/rounds.sh" >"$out/rounds.values"; read_values "$out/rounds.values"; }

part_disks() { "$top/tests/bench/disks.sh" >"$out/disks.values"; read_values "$out/disks.values"; }

# The cluster starts when a part needs it: the parts before have the machine to themselves.  One that
# was not there before goes at the end.
need_cluster() {
	export KATA_CLUSTER=${KATA_CLUSTER:-check}
	"$top/tests/cluster/cluster" status >/dev/null 2>&1 || trap '"$top/tests/cluster/cluster" down' EXIT
	"$top/tests/cluster/prepare.sh" >"$out/cluster.log" 2>&1 || die "no cluster; see $out/cluster.log"
}

part_pod() {
	need_cluster
	"$top/tests/bench/pod.sh" >"$out/pod.values"
	read_values "$out/pod.values"
}

part_files() {
	need_cluster
	"$top/tests/bench/files.sh" "$out/table.files" >"$out/files.values"
	read_values "$out/files.values"
}

part_manager() {
	"$top/tests/bench/manager.sh" >"$out/manager.values"
	read_values "$out/manager.values"
}

part_deploy() {
	need_cluster
	"$top/tests/bench/deploy.sh" >"$out/deploy.values"
	read_values "$out/deploy.values"
}

# Lines of "name value value ...".
read_values() {
	local name list
	while read -r name list; do
		# shellcheck disable=SC2086
		record "$name" $list
	done <"$1"
}
