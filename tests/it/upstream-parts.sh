# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # work and kata come from testing.sh
#
# upstream-parts.sh - upstream's own programs (4.1), where this machine has them.  Sourced by tests/it/*.sh
# behind the testing.sh that they use.
#
# No program of upstream's is built or kept here: each is named by a variable of the environment, and a test that needs
# one is skipped, and counted, without it:
#   KATA_TEST_UPSTREAM_SHIM_GO, KATA_TEST_UPSTREAM_SHIM_RUST   containerd-shim-kata-v2
#   KATA_TEST_UPSTREAM_RUNTIME, KATA_TEST_UPSTREAM_MONITOR     kata-runtime, kata-monitor
#   KATA_TEST_UPSTREAM_AGENT, KATA_TEST_UPSTREAM_AGENT_CTL     kata-agent, static; kata-agent-ctl
#   KATA_TEST_UPSTREAM_QEMU     a folder with qemu-system-x86_64 and all that it needs, for upstream's shims: they ask
#                               for devices (pci-bridge) that ours lacks

# upstream_part NAME - the program, in $part; the test is skipped without it.
upstream_part() {
	local variable=KATA_TEST_UPSTREAM_$1
	part=${!variable:-}
	[ -n "$part" ] || skip "$variable is not set; it names upstream's program"
	[ -x "$part" ] || fail "$variable names '$part', which is no program"
}

# upstream_tool PROGRAM - makes `theirs`, which runs upstream's kata-runtime beside containerd.  It wants a log to write to,
# and a configuration of a hypervisor that needs no vhost-vsock here; what that says is nothing to the sandboxes it asks.
upstream_tool() {
	require socat
	tool=$1 tool_configuration=$work/theirs.toml
	cat >"$tool_configuration" <<-END
		[hypervisor.clh]
		path = "$kata/bin/qemu-system-x86_64"
		valid_hypervisor_paths = ["$kata/bin/qemu-system-x86_64"]
		kernel = "$kata/share/kata-containers/vmlinux.container"
		image = "$kata/share/kata-containers/kata-containers-initrd.img"
		shared_fs = "virtio-fs"
		virtio_fs_daemon = "$kata/libexec/virtiofsd"
		valid_virtio_fs_daemon_paths = ["$kata/libexec/virtiofsd"]
		[agent.kata]
		[runtime]
		internetworking_model = "tcfilter"
	END
	inside socat -u UNIX-RECV:/run/syslog,mode=666 "OPEN:$work/syslog,creat,append" </dev/null >/dev/null 2>&1 &
	tool_log=$!
	cleanup kill $tool_log
	eventually 10 "a log for kata-runtime" inside test -S /run/syslog
	# shellcheck disable=SC2317 # called by tests
	theirs() { inside timeout 60 "$tool" --config "$tool_configuration" "$@"; }
}

# upstream_configuration SHIM FOLDER PARTS CONSOLE - what a shim of upstream's (GO, RUST) reads, for a guest of FOLDER (a
# release of ours) under the QEMU in PARTS; CONSOLE: true or false.  That in Rust refuses what it does not know.
upstream_configuration() {
	local dial="dial_timeout = 180" rootfs=""
	# It has room for more memory only where the root of a guest could need it.
	[ "$1" = GO ] || { dial="dial_timeout_ms = 500" rootfs='vm_rootfs_driver = "virtio-pmem"'; }
	shift
	cat <<-END
		[hypervisor.qemu]
		path = "$2/qemu-system-x86_64"
		valid_hypervisor_paths = ["$2/qemu-system-x86_64"]
		kernel = "$1/share/kata-containers/vmlinux.container"
		initrd = "$1/share/kata-containers/kata-containers-initrd.img"
		machine_type = "q35"
		kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
		cpu_features = "pmu=off"
		default_vcpus = 1
		default_maxvcpus = 1
		default_memory = 384
		default_bridges = 1
		memory_slots = 2
		$rootfs
		shared_fs = "virtio-fs"
		virtio_fs_daemon = "$1/libexec/virtiofsd"
		valid_virtio_fs_daemon_paths = ["$1/libexec/virtiofsd"]
		virtio_fs_cache = "auto"
		virtio_fs_cache_size = 0
		virtio_fs_queue_size = 1024
		virtio_fs_extra_args = ["--thread-pool-size=1", "--announce-submounts"]
		block_device_driver = "virtio-scsi"
		block_device_aio = "threads"
		entropy_source = "/dev/urandom"
		valid_entropy_sources = ["/dev/urandom", "/dev/random", ""]
		disable_vhost_net = false
		disable_selinux = true
		disable_guest_selinux = true
		[agent.kata]
		debug_console_enabled = $3
		$dial
		reconnect_timeout_ms = 180000
		[runtime]
		name = "virt_container"
		hypervisor_name = "qemu"
		agent_name = "kata"
		internetworking_model = "tcfilter"
		disable_guest_seccomp = true
		sandbox_cgroup_only = true
		disable_new_netns = false
		create_container_timeout = 180
		enable_debug = true
		vfio_mode = "guest-kernel"
		emptydir_mode = "shared-fs"
	END
}
