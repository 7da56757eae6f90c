#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
#
# Upstream's kata-agent-ctl, unmodified, asks our agent, a plain process in namespaces of its own, for what it knows: health, what the
# guest is, files before there is a sandbox, a sandbox, network, packet filter, a container's life, its end.  It makes no
# container here, since it pulls images from a registry: that one is ours.
# shellcheck disable=SC2154 # part comes from upstream-parts.sh
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/agent-checks.sh"
. "$(dirname "$0")/upstream-parts.sh"

require_root
require busybox jq unshare nsenter ip
upstream_part AGENT_CTL
theirs=$part
build=${KATA_BUILD_DIR:-$top/build/dev}
agent=$build/bin/kata-agent
root=$work/image shared=/run/kata-containers/shared/containers
[ -x "$agent" ] || skip "no agent in '$build'"
make_image "$root"
cat >"$work/init" <<-END
	$(surroundings)
	ip link add v0 type veth peer name v1
	ip link set v0 address 02:00:00:00:00:01
	ip link set v1 up
	mount --bind "$("$top/packaging/artefact" iptables)/sbin" /usr/sbin
	$agent -s unix://$work/agent.sock -p agent.log=debug >$work/agent.log 2>&1
END
unshare --mount --pid --net --fork --kill-child bash "$work/init" &
unshared=$!
stop_agent() {
	kill -KILL $unshared 2>/dev/null
	wait $unshared 2>/dev/null
}
cleanup stop_agent
ctl() { "$build/bin/kata-agent-ctl" --server-address "unix://$work/agent.sock" --retry "$@"; }
ctl Check >/dev/null
init=$(pgrep -P $unshared)
inside() { nsenter --target "$init" --mount --net --pid "$@"; }

# their COMMAND... - each must be answered; what it says is in $work/said.
their() {
	timeout 60 "$theirs" -l debug connect --server-address "unix://$work/agent.sock" --no-auto-values yes -c "$@" >"$work/said" 2>&1 ||
		fail "$*: $(tail -c 1500 "$work/said")"
}
# their_refused REGEX COMMAND - must be refused so.
their_refused() {
	if (their "$2") >/dev/null 2>&1; then fail "$2 was not refused"; fi
	expect_match "$2" "$1" "$(cat "$work/said")"
}

their Check Version
expect_match "the version" "$(sed -n 's/^set(KATA_COMPATIBLE \(.*\))$/\1/p' "$top/CMakeLists.txt")" "$(cat "$work/said")"
their 'GetGuestDetails json://{"mem_block_size": true, "mem_hotplug_probe": true}'
expect_match "the details" 'virtio-fs' "$(cat "$work/said")"
echo "a file" >"$work/file"
ln -s file "$work/link"
their "CopyFile json://{\"src\": \"$work/file\", \"dest\": \"$shared/file\"}" "CopyFile json://{\"src\": \"$work/link\", \"dest\": \"$shared/link\"}" \
	"CopyFile json://{\"src\": \"$work\", \"dest\": \"$shared/folder\"}"
expect "a file before there is a sandbox" "a file" "$(inside cat $shared/link)"
their_refused 'not below' "CopyFile json://{\"src\": \"$work/file\", \"dest\": \"/tmp/file\"}"
note "health, details, files"

their 'CreateSandbox json://{"sandbox_id": "box", "hostname": "box"}' ListInterfaces ListRoutes GetMetrics
expect_match "metrics" 'kata_guest_meminfo' "$(cat "$work/said")"
their 'UpdateInterface json://{"interface": {"device": "eth0", "name": "eth0", "IPAddresses": [{"address": "10.1.0.2", "mask": "24"}],
	"hwAddr": "02:00:00:00:00:01", "mtu": 1400}}'
expect_match "the interface" 'eth0.*mtu 1400' "$(inside ip link show eth0)"
their 'UpdateRoutes json://{"routes": {"Routes": [{"gateway": "10.1.0.1", "device": "eth0"}]}}' \
	'AddARPNeighbors json://{"neighbors": {"ARPNeighbors": [{"toIPAddress": {"address": "10.1.0.1"}, "device": "eth0", "lladdr": "02:00:00:00:00:09", "state": 128}]}}'
expect_match "the route" 'default via 10.1.0.1 dev eth0' "$(inside ip route)"
expect_match "the neighbour" '02:00:00:00:00:09 PERMANENT' "$(inside ip neigh)"
their 'GetIptables json://{"is_ipv6": false}'
note "sandbox and network"

begin box1 . sh -c 'trap "echo caught; exit 3" USR1; while :; do sleep 0.1; done'
one='"container_id": "box1", "exec_id": "exec1"'
their "ExecProcess json://{$one, \"process\": {\"Args\": [\"cat\"], \"Env\": [\"PATH=/bin\"], \"Cwd\": \"/\", \"User\": {\"UID\": 1000, \"GID\": 1000}}}" \
	"WriteStdin json://{$one, \"data\": [104, 105, 10]}" "ReadStdout json://{$one, \"len\": 100}"
expect_match "what cat says" 'data: \[104, 105, 10\]' "$(cat "$work/said")"
their "CloseStdin json://{$one}" "WaitProcess json://{$one}"
expect_match "the end of cat" 'status: 0' "$(cat "$work/said")"
their 'SignalProcess json://{"container_id": "box1", "exec_id": "box1", "signal": 10}' 'ReadStdout json://{"container_id": "box1", "exec_id": "box1", "len": 100}' \
	'WaitProcess json://{"container_id": "box1", "exec_id": "box1"}'
expect_match "its end" 'status: 3' "$(cat "$work/said")"
# Then it looks for the mount of an image, which it has not made.
(their 'RemoveContainer json://{"container_id": "box1"}') >/dev/null 2>&1 || true
expect_match "the end of the container" 'response received.*Empty' "$(cat "$work/said")"
their_refused 'there is no container|no container' 'StartContainer json://{"container_id": "box1"}'
their_refused 'no memory agent' MemAgentCompactSet
their_refused 'no policy' "SetPolicy json://{\"policy_file\": \"$work/file\"}"
their DestroySandbox
! grep -E "ERROR: |WARNING: ThreadSanitizer|runtime error" "$work/agent.log" || fail "a sanitizer complains: $(head -c 4000 "$work/agent.log")"
