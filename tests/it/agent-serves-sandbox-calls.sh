#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent as a plain process in namespaces of its own: the calls about the sandbox, its network,
# storages and files.  What would change the machine is refused; afterwards no mount is left.
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"

require_root
require jq unshare nsenter ip mkfs.ext4 mkfs.xfs e2fsck losetup
build=${KATA_BUILD_DIR:-$top/build/dev}
agent=$build/bin/kata-agent
address=unix://$work/agent.sock
shared=/run/kata-containers/shared/containers

[ -x "$agent" ] || skip "no agent in '$build'"
[ -x "$build/bin/kata-agent-ctl" ] || skip "no kata-agent-ctl in '$build'"

start_agent() {
	cat >"$work/init" <<-END
		mount -t tmpfs tmpfs /run
		ip link add v0 type veth peer name v1
		ip link set v0 address 02:00:00:00:00:01
		ip link set v1 up
		mount --bind "$("$top/packaging/artefact" iptables)/sbin" /usr/sbin
		export KATA_AGENT_CGROUP_ROOT=/run
		exec $agent -s $address -p "agent.log=debug agent.hotplug_timeout=1" >$work/agent.log 2>&1
	END
	unshare --mount --net --propagation private bash "$work/init" &
	agent_pid=$!
	cleanup stop_agent
	ctl Check >/dev/null
}

stop_agent() {
	kill "$agent_pid" 2>/dev/null && wait "$agent_pid"
}

ctl() { "$build/bin/kata-agent-ctl" --retry --timeout 20 --server-address "$address" "$@"; }
inside() { nsenter --target "$agent_pid" --mount --net "$@"; }

# refused WHAT REGEX COMMAND... - COMMAND fails with a message like REGEX.
refused() {
	local what=$1 regex=$2 message
	shift 2
	if message=$("$@" 2>&1); then
		fail "$what: was not refused"
	fi
	expect_match "$what" "$regex" "$message"
}

addresses_of() { inside ip -json addr show "$1" | jq -r '[.[].addr_info[] | select(.scope == "global") |
	"\(.local)/\(.prefixlen)"] | sort | join(" ")'; }

# rules [true] - what the agent says of the packet filter, of IPv6 if true.
rules() { ctl GetIPTables "{\"is_ipv6\": ${1:-false}}"; }
set_rules() { ctl --data - SetIPTables "{\"is_ipv6\": ${2:-false}}" <<<"$1"; }

check_packet_filter() {
	local text='*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s 10.9.8.7/32 -p tcp -m multiport --dports 80,443 -m comment --comment "of the host" -j DROP
COMMIT'
	set_rules "$text" >/dev/null
	expect "rules that were set" "$text" "$(rules | grep -v '^#' | sed -n '/^\*filter/,/^COMMIT/p')"
	expect "those of IPv6 then" "" "$(rules true | grep DROP || true)"
	set_rules "${text/10.9.8.7\/32/fd00::1\/128}" true >/dev/null
	expect_match "those of IPv6" '-A INPUT -s fd00::1/128 -p tcp' "$(rules true)"
	expect_match "what the kernel has" 'of the host' "$(inside xtables-legacy-multi iptables -S)"
	refused "no rules" "iptables-restore ended with status" set_rules nonsense
	expect_match "rules after those that were refused" 'of the host' "$(rules)"
}

check_health() {
	expect "Check" '{"status":"SERVING"}' "$(ctl Check)"
	expect "Version" "$(sed -n 's/^set(KATA_COMPATIBLE \(.*\))$/\1/p' "$top/CMakeLists.txt")" "$(ctl Version | jq -r .agent_version)"
	expect_match "GetGuestDetails" 'virtio-fs' "$(ctl GetGuestDetails '{"mem_block_size": true}')"
	refused "a policy" "SetPolicy: this agent has no policy" ctl SetPolicy '{"policy": "x"}'
	refused "the memory agent" "this agent has no memory agent" ctl MemAgentMemcgSet
	expect_match "GetMetrics" 'kata_guest_meminfo\{item="mem_total"\} [0-9]+' "$(ctl GetMetrics)"
}

# interface NAME MAC ADDRESS/MASK... - an UpdateInterface request.
interface() {
	local name=$1 mac=$2
	shift 2
	jq -nc --arg name "$name" --arg mac "$mac" '{interface: {device: $name, name: $name, hwAddr: $mac,
		mtu: 1400, IPAddresses: [$ARGS.positional[] | split("/") | {address: .[0], mask: .[1]}]}}' \
		--args "$@"
}

check_interfaces() {
	ctl UpdateInterface "$(interface eth0 02:00:00:00:00:01 10.1.0.2/24 fd00::2/64)" >/dev/null
	expect "addresses" "10.1.0.2/24 fd00::2/64" "$(addresses_of eth0)"
	expect "MTU" 1400 "$(inside ip -json link show eth0 | jq '.[0].mtu')"
	ctl UpdateInterface "$(interface eth0 02:00:00:00:00:01 10.1.0.3/24)" >/dev/null
	expect "other addresses" "10.1.0.3/24" "$(addresses_of eth0)"
	ctl UpdateInterface "$(interface v1 02:00:00:00:00:01 10.1.0.3/24)" >/dev/null
	expect "a name that was taken" "10.1.0.3/24" "$(addresses_of v1)"
	ctl UpdateInterface "$(interface eth0 02:00:00:00:00:01 10.1.0.3/24)" >/dev/null
	expect "ListInterfaces" "10.1.0.3" "$(ctl ListInterfaces |
		jq -r '.interfaces[] | select(.name == "eth0") | .ipAddresses[] | select(.family != "v6") | .address')"
	refused "an unknown interface" "no interface with hardware address .*: Link not found" \
		ctl UpdateInterface "$(interface eth1 02:00:00:00:00:99)"
	refused "a bad name" "cannot be the name" ctl UpdateInterface "$(interface a/b 02:00:00:00:00:01)"
	refused "a bad address" "not an IP address" \
		ctl UpdateInterface "$(interface eth0 02:00:00:00:00:01 10.1.0/24)"
	refused "a bad mask" "prefix length" \
		ctl UpdateInterface "$(interface eth0 02:00:00:00:00:01 10.1.0.1/99)"
	refused "a device that never comes" "waited in vain.*'1e'" \
		ctl UpdateInterface '{"interface": {"name": "eth1", "devicePath": "1e"}}'
}

check_routes() {
	ctl UpdateRoutes '{"routes": {"Routes": [
		{"gateway": "10.1.0.1", "device": "eth0"},
		{"dest": "10.1.0.1/32", "device": "eth0", "scope": 253},
		{"dest": "10.2.0.0/16", "gateway": "10.1.0.1", "device": "eth0", "mtu": 1300}]}}' >/dev/null
	expect_match "default route" "^default via 10.1.0.1" "$(inside ip route)"
	expect_match "route with MTU" "10.2.0.0/16 via 10.1.0.1 dev eth0 mtu 1300" "$(inside ip route)"
	ctl UpdateRoutes '{"routes": {"Routes": [{"gateway": "10.1.0.1", "device": "eth0"}]}}' >/dev/null
	expect "ListRoutes" "0.0.0.0" "$(ctl ListRoutes | jq -r '.routes[] | select(.gateway == "10.1.0.1") | .dest' | head -n 1)"
	refused "an unreachable gateway" "add route to '10.3.0.0/16' via '10.9.9.9'" \
		ctl UpdateRoutes '{"routes": {"Routes": [{"dest": "10.3.0.0/16", "gateway": "10.9.9.9", "device": "eth0"}]}}'
	refused "a route on nothing" "no interface 'eth7'" \
		ctl UpdateRoutes '{"routes": {"Routes": [{"dest": "10.3.0.0/16", "device": "eth7"}]}}'
	ctl AddARPNeighbors '{"neighbors": {"ARPNeighbors": [{"toIPAddress": {"address": "10.1.0.1"},
		"device": "eth0", "lladdr": "02:00:00:00:00:09", "state": 128}]}}' >/dev/null
	expect_match "neighbour" "10.1.0.1 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT" "$(inside ip neigh)"
}

check_sandbox() {
	refused "a bad id" "sandbox id" ctl CreateSandbox '{"sandbox_id": "../x"}'
	refused "a bad DNS line" "DNS line 1" ctl CreateSandbox '{"sandbox_id": "box", "dns": ["nameserver 1.1.1.1\nx"]}'
	refused "an unknown driver" "driver 'floppy'" ctl CreateSandbox '{"sandbox_id": "box", "storages": [
		{"driver": "ephemeral", "fstype": "tmpfs", "source": "t", "mount_point": "/run/kata-containers/sandbox/a"},
		{"driver": "floppy", "mount_point": "/run/kata-containers/sandbox/b"}]}'
	expect "what a refused sandbox mounted" 0 "$(count_mounts)"
	refused "a mount point outside" "not below" ctl CreateSandbox '{"sandbox_id": "box", "storages": [
		{"driver": "ephemeral", "fstype": "tmpfs", "source": "t", "mount_point": "/run/kata-containers/../../etc"}]}'
	refused "a disk that never comes" "waited in vain" ctl CreateSandbox '{"sandbox_id": "box", "storages": [
		{"driver": "blk", "source": "1e", "fstype": "ext4", "mount_point": "/run/kata-containers/sandbox/c"}]}'
	refused "a file system that nobody makes here" "this agent makes ext4 on a disk, not 'xfs'" ctl CreateSandbox '{"sandbox_id": "box", "storages": [
		{"driver": "mmioblk", "source": "'"$disk"'", "fstype": "xfs", "driver_options": ["create_filesystem"],
		 "mount_point": "/run/kata-containers/sandbox/made"}]}'
	ctl CreateSandbox '{"sandbox_id": "box", "hostname": "box", "dns": ["nameserver 1.1.1.1", "search a"],
		"storages": [
		{"driver": "ephemeral", "fstype": "tmpfs", "source": "shm", "mount_point": "/run/kata-containers/sandbox/shm",
		 "options": ["noexec", "nosuid", "nodev", "mode=1777", "size=1048576"]},
		{"driver": "local", "mount_point": "/run/user/1000'$shared'/local/x", "options": ["mode=0777", "fsgid=1000"]},
		{"driver": "overlayfs", "fstype": "overlay", "mount_point": "/run/kata-containers/sandbox/o",
		 "options": ["lowerdir=/etc:/tmp"]},
		{"driver": "mmioblk", "source": "'"$disk"'", "fstype": "ext4", "driver_options": ["create_filesystem"],
		 "mount_point": "/run/kata-containers/sandbox/made"},
		{"driver": "blk", "source": "'"$disk"'", "fstype": "bind", "options": ["bind"], "mount_point": "/run/kata-containers/sandbox/node"}]}' >/dev/null
	refused "a second sandbox" "has a sandbox already, 'box'" ctl CreateSandbox '{"sandbox_id": "box"}'
	expect_match "shm" "shm .*tmpfs rw,nosuid,nodev,noexec.*size=1024k" "$(inside cat /proc/self/mounts)"
	expect "a local volume" "2777 1000" "$(inside stat -c '%a %g' $shared/local/x)"
	expect_match "a disk that came without a file system" "sandbox/made ext4 rw" "$(inside cat /proc/self/mounts)"
	expect "a file on it" "still there" "$(inside sh -c 'cd /run/kata-containers/sandbox/made && ls && echo still there >file && sync && cat file')"
	expect "its node" "$(stat -c '%F %t:%T' "$disk")" "$(inside stat -c '%F %t:%T' /run/kata-containers/sandbox/node)"
	expect "an overlay" hosts "$(inside ls /run/kata-containers/sandbox/o | grep '^hosts$')"
	expect "DNS" "nameserver 1.1.1.1 search a" \
		"$(inside cat /run/kata-containers/sandbox/resolv.conf | tr '\n' ' ' | sed 's/ $//')"
	ctl UpdateEphemeralMounts '{"storages": [{"driver": "ephemeral", "fstype": "tmpfs",
		"mount_point": "/run/kata-containers/sandbox/shm", "options": ["remount", "size=2M"]}]}' >/dev/null
	expect_match "a larger shm" "shm .*tmpfs rw,nosuid,nodev,noexec.*size=2048k" "$(inside cat /proc/self/mounts)"
}

count_mounts() { inside grep -c ' /run/kata-containers/' /proc/self/mounts || true; }

# copy PATH MODE OFFSET SIZE <data
copy() {
	ctl --data - CopyFile "{\"path\": \"$1\", \"file_mode\": $2, \"dir_mode\": 493, \"offset\": $3, \"file_size\": $4}" >/dev/null
}

check_copy() {
	echo -n "hello " | copy $shared/a/b $((0100640)) 0 11
	expect "a file half sent" 0 "$(inside find $shared/a -name b | wc -l)"
	echo -n "world" | copy $shared/a/b $((0100640)) 6 11
	expect "a file" "hello world" "$(inside cat $shared/a/b)"
	echo -n ../../../../../tmp | copy $shared/up $((0120777)) 0 0
	echo -n x | copy "$shared/up/kata-test-$$" $((0100600)) 0 1 || true
	expect "a file behind a planted link" 0 "$(inside find /tmp -maxdepth 1 -name "kata-test-$$" | wc -l)"
	refused "a path outside" "not below" copy /etc/kata-test $((0100600)) 0 0 </dev/null
	refused "a device" "no file, directory or symbolic link" copy $shared/null $((020666)) 0 0 </dev/null
}

check_volumes() {
	local fs volume=/run/kata-containers/sandbox/volume
	refused "figures of what is no volume" "not below" ctl GetVolumeStats '{"volume_guest_path": "/etc"}'
	refused "a volume that is not there" "No such file" ctl GetVolumeStats '{"volume_guest_path": "'$volume/x'"}'
	inside mkdir -p $volume
	for fs in ext4 xfs; do
		truncate -s 320M "$work/$fs"
		mkfs.$fs -q "$work/$fs"
		truncate -s 640M "$work/$fs"
		inside mount -o loop "$work/$fs" $volume
		expect "bytes and inodes of $fs" "$(inside stat -f -c '%b %f %c' $volume | jq -Rc --argjson s "$(inside stat -f -c %S $volume)" \
			'split(" ") | map(tonumber) | [(.[0] * $s | tostring), ((.[0] - .[1]) * $s | tostring), (.[2] | tostring)]')" \
			"$(ctl GetVolumeStats '{"volume_guest_path": "'$volume'"}' | jq -c '[(.usage[] | select(.unit == "BYTES") | .total, .used),
				(.usage[] | select(.unit == "INODES") | .total)] | map(tostring)')"
		refused "a smaller $fs" "cannot become smaller" ctl ResizeVolume '{"volume_guest_path": "'$volume'", "size": 1048576}'
		# ext4 asks for CAP_SYS_RESOURCE, which not every root has.
		[ $fs = xfs ] || (($(inside sed -n 's/CapEff:\t/0x/p' /proc/self/status) >> 24 & 1)) || {
			note "ext4 is not made larger here: no CAP_SYS_RESOURCE; it/agent-finds-what-is-plugged-in does it in a guest"
			inside umount $volume
			continue
		}
		refused "$fs larger than its disk" "cannot have" ctl ResizeVolume '{"volume_guest_path": "'$volume'", "size": 1073741824}'
		ctl ResizeVolume '{"volume_guest_path": "'$volume'", "size": 671088640}' >/dev/null
		[ "$(inside df -k --output=size $volume | tail -n 1)" -gt 500000 ] || fail "$fs did not grow: $(inside df -k $volume)"
		ctl ResizeVolume '{"volume_guest_path": "'$volume'", "size": 671088640}' >/dev/null
		inside umount $volume
	done
	refused "a tmpfs" "cannot grow" ctl ResizeVolume '{"volume_guest_path": "/run/kata-containers/sandbox", "size": 1099511627776}'
	inside rmdir $volume
}

# It would be without limits and have every device.
check_containers() {
	refused "a container in a guest without cgroups of version 2" "the guest has no cgroup of version 2" ctl CreateContainer '{
		"container_id": "c", "exec_id": "c", "OCI": {"ociVersion": "1.1.0", "root": {"path": "/"}, "process": {"args": ["true"], "cwd": "/"},
		"linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]}}}'
}

check_machine_is_left_alone() {
	refused "the clock" "not the first process" ctl SetGuestDateTime '{"Sec": 1}'
	refused "the random generator" "not the first process" ctl ReseedRandomDev
	refused "processors" "not the first process" ctl OnlineCPUMem '{"nb_cpus": 1}'
}

check_end() {
	local left status=0
	ctl DestroySandbox >/dev/null
	# The agent ends soon; then there is nothing to look at.
	left=$(grep -c ' /run/kata-containers/' "/proc/$agent_pid/mounts" 2>/dev/null || true)
	expect "mounts after the end" 0 "${left:-0}"
	wait "$agent_pid" || status=$?
	expect "exit status" 0 "$status"
	e2fsck -fn "$disk" >"$work/checked" 2>&1 || fail "the file system that was made: $(cat "$work/checked")"
	! grep -E 'ERROR: |runtime error|ThreadSanitizer' "$work/agent.log" || fail "the agent's log has a sanitizer's report"
}

# What was on a disk before is no part of what is made on it.
make_disk() {
	head -c $((300 << 20)) /dev/zero | tr '\0' '\356' >"$work/disk"
	disk=$(losetup --find --show "$work/disk")
	cleanup losetup --detach "$disk"
}

make_disk
start_agent
for check in health interfaces routes packet_filter sandbox copy volumes containers machine_is_left_alone end; do
	note "$check"
	"check_$check"
done
