#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The release's agent as the first process of its own kernel: it tells when it listens, finds disks,
# processors, memory and network devices that are plugged in before and after they are asked for,
# shows its log and a console, and takes the machine down with the sandbox.
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"

require_root
require cc jq socat unshare mkfs.ext4
build=${KATA_BUILD_DIR:-$top/build/dev}
version_dir=${KATA_VERSION_DIR:-$top/build/dist/kata}
share=$version_dir/share/kata-containers

[ -x "$build/bin/kata-agent-ctl" ] || skip "no kata-agent-ctl in '$build'"
[ -e "$share/kata-containers-initrd.img" ] || skip "no release in '$version_dir'; './dev package' makes one"

ctl() { "$build/bin/kata-agent-ctl" --server-address "hvsock://$work/vsock:1024" --timeout 30 "$@"; }

# A root with one program, which tries to reach the agent from inside the guest.
make_initrd() {
	cat >"$work/reach.c" <<-'END'
		#include <stdio.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <unistd.h>
		#include <linux/vm_sockets.h>
		int main(void)
		{
			static const unsigned cids[] = { VMADDR_CID_LOCAL, 3 };
			static const unsigned ports[] = { 1024, 1025, 1026 };
			static const char check[] = "\0\0\0\x14\0\0\0\1\1\0\x0a\x0bgrpc.Health\x12\x05" "Check";
			char byte;

			for (int i = 0; i < 6; i++) {
				struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = cids[i / 3],
							 .svm_port = ports[i % 3] };
				int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

				if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
				    write(fd, check, sizeof(check) - 1) >= 0 && read(fd, &byte, 1) > 0)
					printf("reached %u:%u\n", a.svm_cid, a.svm_port);
				close(fd);
			}
			return 0;
		}
	END
	cc -static -o "$work/reach" "$work/reach.c"
	printf 'dir reach 0755\ndir reach/proc 0755\nfile reach/reach 0755 reach\n' >"$work/table"
	"$top/packaging/guest/mkcpio" "$work/table" "$work/image" "reach=$work/reach"
	cat "$share/kata-containers-initrd.img" "$work/image" >"$work/initrd"
}

start_vm() {
	truncate -s 16M "$work/early" "$work/late" "$work/swap"
	mkfs.ext4 -q -F "$work/early"
	mkfs.ext4 -q -F "$work/late"
	"$version_dir/libexec/vhost-device-vsock" \
		--vm "guest-cid=3,socket=$work/vhost,uds-path=$work/vsock,tx-buffer-size=24576" >"$work/vsock.log" 2>&1 &
	cleanup kill $!
	socat -u "UNIX-LISTEN:$work/vsock_1101" "CREATE:$work/ready" &
	cleanup kill_quietly $!
	eventually 10 "the vsock device" test -S "$work/vhost"
	# A network namespace for the tap of the guest's network device.
	unshare --net "$version_dir/bin/qemu-system-x86_64" -L "$version_dir/share/kata-qemu/qemu" \
		-M q35,memory-backend=mem -accel tcg,thread=multi -cpu max,erms=off,fsrm=off \
		-smp 1,maxcpus=2,sockets=2,cores=1,threads=1 -m 256,slots=2,maxmem=1G \
		-object memory-backend-memfd,id=mem,size=256M,share=on \
		-nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console" \
		-chardev "socket,id=vsock,path=$work/vhost" -device vhost-user-vsock-pci,chardev=vsock \
		-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,multifunction=on,addr=5.0 \
		-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2,addr=5.1 \
		-device pcie-root-port,id=rp2,bus=pcie.0,chassis=3,slot=3,addr=5.2 \
		-device pcie-root-port,id=rp3,bus=pcie.0,chassis=4,slot=4,addr=6.0 \
		-qmp "unix:$work/qmp,server=on,wait=off" \
		-kernel "$share/vmlinux.container" -initrd "$work/initrd" \
		-append "console=ttyS0 reboot=t panic=-1 quiet agent.log=debug agent.log_vport=1025 agent.ready_vport=1101 agent.debug_console agent.debug_console_vport=1026 agent.future=1 agent.hotplug_timeout=5" \
		>"$work/qemu.log" 2>&1 &
	qemu_pid=$!
	cleanup kill_vm
	eventually 60 "the ready signal" is_ready
}

kill_quietly() { kill "$1" 2>/dev/null; }

kill_vm() {
	kill -KILL "$qemu_pid" 2>/dev/null
	wait "$qemu_pid" 2>/dev/null
}

is_ready() {
	kill -0 "$qemu_pid" || fail "the VM ended: $(cat "$work/qemu.log" "$work/console")"
	grep '^READY ' "$work/ready"
}

# qmp COMMAND ARGUMENTS
qmp() {
	local answer
	answer=$(printf '{"execute":"qmp_capabilities"}\n{"execute":"%s","arguments":%s}\n' "$1" "$2" |
		socat -t 5 - "UNIX-CONNECT:$work/qmp" | grep -v '"event"' | sed -n 3p)
	expect_match "$1" '"return"' "$answer"
}

plug_disk() { # NAME PORT
	qmp blockdev-add "{\"driver\":\"raw\",\"node-name\":\"$1\",\"file\":{\"driver\":\"file\",\"filename\":\"$work/$1\"}}"
	qmp device_add "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-$1\",\"drive\":\"$1\",\"bus\":\"$2\"}"
}

# on_port SECONDS PORT [INPUT] - what the guest says on a vsock port until it ends or for SECONDS.
# The device drops what comes with CONNECT before it has answered.
on_port() {
	local answer
	coproc PEER { timeout "$1" socat STDIO "UNIX-CONNECT:$work/vsock" || [ $? = 124 ]; }
	# shellcheck disable=SC2153 # coproc sets it
	printf 'CONNECT %s\n' "$2" >&"${PEER[1]}"
	read -r -t 5 answer <&"${PEER[0]}"
	expect_match "the answer of port $2" "^OK " "$answer"
	printf '%s' "${3:-}" >&"${PEER[1]}"
	cat <&"${PEER[0]}"
}

check_ready() {
	expect "ready signal" "READY $(cat "$top/VERSION")" "$(cat "$work/ready")"
	expect "Check" '{"status":"SERVING"}' "$(ctl Check)"
}

check_copy_before_the_sandbox() {
	printf ok | ctl --data - CopyFile '{"path":"/run/kata-containers/shared/containers/first","file_size":2,
		"file_mode":33188,"dir_mode":493}' >/dev/null
}

check_disks() {
	local storage='{"driver":"blk","fstype":"ext4","source":"%s","mount_point":"/run/kata-containers/sandbox/storage/%s"}'
	plug_disk early rp0
	# shellcheck disable=SC2059 # the format is above
	ctl CreateSandbox "{\"sandbox_id\":\"box\",\"hostname\":\"box\",\"storages\":[$(printf "$storage" 05/00 early),
		$(printf "$storage" 05.1/00 late)]}" >"$work/sandbox" 2>&1 &
	plug_disk late rp1
	wait $! || fail "CreateSandbox: $(cat "$work/sandbox")"
}

volume_bytes() { ctl GetVolumeStats "$1" | jq -r '.usage[] | select(.unit == "BYTES") | .total'; }

check_a_disk_grows() {
	local volume='"volume_guest_path":"/run/kata-containers/sandbox/storage/late"' before
	before=$(volume_bytes "{$volume}")
	truncate -s 32M "$work/late"
	if ctl ResizeVolume "{$volume,\"size\":33554432}" >/dev/null 2>&1; then
		fail "a file system grew over its disk"
	fi
	qmp block_resize '{"node-name":"late","size":33554432}'
	ctl ResizeVolume "{$volume,\"size\":33554432}" >/dev/null
	[ "$(volume_bytes "{$volume}")" -gt $((before + 15000000)) ] || fail "it had $before bytes and has $(volume_bytes "{$volume}")"
}

swap_bytes() { ctl GetMetrics | sed -n 's/^kata_guest_meminfo{item="swap_total"} //p'; }

# The disk is there before it can be swapped to; it is asked for as a place and as a node.
check_swap() {
	local said
	plug_disk swap rp3
	said=$(ctl AddSwap '{"PCIPath":[6,0]}' 2>&1) && fail "a disk without swap space was taken"
	expect_match "the refusal" "cannot add swap space: '/dev/vd.': Invalid argument" "$said"
	mkswap "$work/swap" >/dev/null
	ctl AddSwap '{"PCIPath":[6,0]}' >/dev/null
	expect "swap space" $((16380 * 1024)) "$(swap_bytes)"
	said=$(ctl AddSwapPath '{"path":"/dev/vdc"}' 2>&1) && fail "a disk was taken twice"
	expect_match "the second time" "cannot add swap space: '/dev/vdc': .*busy" "$said"
}

check_network() {
	nsenter --target "$qemu_pid" --net ip tuntap add tap0 mode tap
	qmp netdev_add '{"type":"tap","id":"net0","ifname":"tap0","script":"no","downscript":"no"}'
	qmp device_add '{"driver":"virtio-net-pci","id":"nic0","netdev":"net0","bus":"rp2","mac":"02:00:00:00:00:05","romfile":""}'
	ctl UpdateInterface '{"interface":{"name":"eth0","devicePath":"05.2/00","hwAddr":"02:00:00:00:00:05",
		"mtu":1400,"IPAddresses":[{"address":"10.1.0.2","mask":"24"}]}}' >/dev/null
	expect "the interface" "1400 10.1.0.2" "$(ctl ListInterfaces | jq -r '.interfaces[] | select(.name == "eth0") |
		"\(.mtu) \(.ipAddresses[] | select(.family != "v6") | .address)"')"
	expect "loopback" "127.0.0.1" "$(ctl ListInterfaces | jq -r '.interfaces[] | select(.name == "lo") |
		.ipAddresses[] | select(.family != "v6") | .address')"
}

check_processors_and_memory() {
	local before
	before=$(memory_bytes)
	qmp device_add '{"driver":"max-x86_64-cpu","id":"cpu-1","socket-id":1,"core-id":0,"thread-id":0}'
	qmp object-add '{"qom-type":"memory-backend-memfd","id":"m1","size":134217728,"share":true}'
	qmp device_add '{"driver":"pc-dimm","id":"dimm1","memdev":"m1"}'
	ctl OnlineCPUMem '{"nb_cpus":2}' >/dev/null
	expect_match "the second processor" 'kata_guest_cpu_time\{cpu="1"' "$(ctl GetMetrics)"
	eventually 10 "more memory" has_more_memory "$before"
	expect "block size" 134217728 "$(ctl GetGuestDetails '{"mem_block_size":true}' | jq .mem_block_size_bytes)"
}

memory_bytes() { ctl GetMetrics | sed -n 's/^kata_guest_meminfo{item="mem_total"} //p'; }
has_more_memory() { [ "$(memory_bytes)" -gt $(($1 + 100000000)) ]; }

check_clock_and_entropy() {
	ctl SetGuestDateTime '{"Sec":1700000000,"Usec":5}' >/dev/null
	printf seed | ctl --data - ReseedRandomDev >/dev/null
	if ctl SetGuestDateTime '{"Sec":-1}' >/dev/null 2>&1; then
		fail "a time before 1970 was not refused"
	fi
}

check_console() {
	local said
	said=$(on_port 10 1026 $'cat /proc/sys/kernel/hostname\nmounts\nps\nexit\n')
	expect_match "the console's mounts" '/run/kata-containers/sandbox/storage/early .*ext4' "$said"
	expect_match "the late disk" '/run/kata-containers/sandbox/storage/late .*ext4' "$said"
	expect_match "the console's processes" ' 1 [A-Z]  *0  *[0-9]+ /init' "$said"
}

check_log() {
	local said
	said=$(on_port 2 1025)
	expect_match "the log" "sandbox 'box' created" "$said"
	expect_match "each line of the log is JSON" '^\{.*\}$' "$(head -n 1 <<<"$said")"
	expect "the console is not the log" 0 "$(grep -c serving "$work/console" || true)"
}

check_containers_cannot_reach_it() {
	local said
	ctl CreateContainer '{"container_id": "reach", "exec_id": "reach", "OCI": {"root": {"path": "/reach"},
		"process": {"args": ["/reach"], "cwd": "/", "user": {}},
		"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}}' >/dev/null
	ctl StartContainer '{"container_id": "reach"}' >/dev/null
	expect "status" null "$(ctl WaitProcess '{"container_id": "reach", "exec_id": "reach"}' | jq .status)"
	said=$(ctl ReadStdout '{"container_id": "reach", "exec_id": "reach", "len": 1000}')
	expect "what a container reached" "" "$said"
	ctl RemoveContainer '{"container_id": "reach"}' >/dev/null
}

check_size() {
	local rss
	eventually 20 "the agent to be small" is_small
	rss=$(cat "$work/eventually")
	note "resident: $rss"
}

is_small() {
	ctl GetMetrics | awk '$1 == "kata_agent_total_rss" { print int($2 / 1024), "KiB"; small = $2 <= 1048576 }
		END { exit !small }'
}

check_end() {
	ctl DestroySandbox >/dev/null
	eventually 20 "the machine to be switched off" vm_is_off
}

vm_is_off() { ! kill -0 "$qemu_pid" 2>/dev/null; }

make_initrd
start_vm
for check in ready copy_before_the_sandbox disks a_disk_grows swap network processors_and_memory clock_and_entropy containers_cannot_reach_it console log size \
	end; do
	note "$check"
	"check_$check"
done
