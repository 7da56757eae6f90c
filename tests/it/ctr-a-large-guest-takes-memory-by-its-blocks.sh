#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 400
#
# A guest of 64 GiB takes memory by larger blocks than others and refuses less: a container of 256 MiB that
# joins its pod gets what the guest can take, and the guest has it.
. "$(dirname "$0")/testing.sh"

# Its blocks are large where it has 64 GiB when it boots, and a VM never grows beyond what the machine has.
[ "$(awk '/^MemTotal/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 67 ] || skip "a guest of 64 GiB that grows needs a machine of 67"
cat >"$kata/share/defaults/kata-containers/config.d/20-large.toml" <<-END
	[hypervisor.qemu]
	default_memory = 65536
	default_maxmemory = 131072
END
cri=io.kubernetes.cri
pod=pod$$ name=member$$
in_guest() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$1" "${@:2}"; }
memory_mib() { in_guest "$1" awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo; }
ctr run -d --runtime "$runtime" --annotation $cri.container-type=sandbox \
	--annotation "$cri.sandbox-id=$pod" "$image" "$pod" sleep 1000
block=$((16#$(in_guest "$pod" cat /sys/devices/system/memory/block_size_bytes) >> 20))
note "a block has $block MiB"
[ "$block" -gt 128 ] || skip "this guest's blocks are small"
before=$(memory_mib "$pod")
ctr run -d --runtime "$runtime" --annotation $cri.container-type=container \
	--annotation "$cri.sandbox-id=$pod" --memory-limit $((256 << 20)) "$image" "$name" sleep 1000
grew() { [ "$(memory_mib "$name")" -ge $((before + 250)) ]; }
eventually 60 "the guest to have 256 MiB more than $before" grew
for task in "$name" "$pod"; do
	ctr tasks kill --signal KILL "$task" || true
	stopped() { has_ended "$task"; }
	eventually 30 "$task to stop" stopped
	ctr tasks delete "$task" >/dev/null 2>&1 || true
	ctr containers delete "$task"
done
eventually 10 "everything to go" nothing_left "$pod"
passed
