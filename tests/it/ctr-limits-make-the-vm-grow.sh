#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# timeout: 300
#
# A running VM grows when a container joins whose limits the pod did not announce, and when the limits
# of a container are raised by Task Update; in the guest those limits hold all the same.
. "$(dirname "$0")/testing.sh"

require curl
cri=io.kubernetes.cri
mib=1048576

begin_pod() { # POD
	ctr run -d --runtime "$runtime" --annotation $cri.container-type=sandbox \
		--annotation "$cri.sandbox-id=$1" "$image" "$1" sleep 1000
}
join_pod() { # POD NAME ARGUMENTS OF ctr run...
	local pod=$1 name=$2
	shift 2
	ctr run -d --runtime "$runtime" --annotation $cri.container-type=container \
		--annotation "$cri.sandbox-id=$pod" --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro \
		"$@" "$image" "$name" sleep 1000
}
run_in() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"
}
processors() { run_in "$1" nproc; }
memory_mib() { run_in "$1" awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo; }
has_processors() { [ "$(processors "$1")" = "$2" ]; }
has_memory() { [ "$(memory_mib "$1")" -ge "$2" ]; }
cgroup_of() { # NAME FILE...
	local name=$1
	shift
	run_in "$name" sh -c 'cd /sys/fs/cgroup && cat "$@"' - "$@"
}
end_pod() { # POD NAME
	ctr tasks kill --signal KILL "$1"
	eventually 20 "the pod to stop" stopped "$1"
	eventually 20 "its container to stop" stopped "$2"
	for name in "$2" "$1"; do
		ctr tasks delete "$name" >/dev/null 2>&1 || true
		ctr containers delete "$name"
	done
	eventually 10 "everything to go" nothing_left "$1"
}
stopped() { [[ $(ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }

[ "$(nproc)" -ge 2 ] || skip "a VM has at most as many processors as this machine, and this has one"

note "a container with limits joins"
begin_pod pod1$$
expect "processors at first" 1 "$(processors pod1$$)"
before=$(memory_mib pod1$$)
limit=$((before + 256))
join_pod pod1$$ box1$$ --cpus 1 --memory-limit $((limit * mib))
eventually 10 "the processor of the container" has_processors box1$$ 2
eventually 10 "the memory of the container" has_memory box1$$ $((before + limit - 8))
note "memory: $before MiB at first, then $(memory_mib box1$$) MiB"
expect "limits of the container" "100000 100000 $((limit * mib))" "$(cgroup_of box1$$ cpu.max memory.max | paste -sd' ')"
end_pod pod1$$ box1$$

note "the limits of a container are raised"
begin_pod pod2$$
join_pod pod2$$ box2$$
expect "processors before the update" 1 "$(processors pod2$$)"
# Kubelet's static policy names processors of the host, which are not those of the guest.
update box2$$ '{"cpu": {"quota": 150000, "period": 100000, "cpus": "4096"}, "memory": {"limit": '$((256 * mib))'}}'
eventually 10 "the processors of the update" has_processors box2$$ 2
eventually 10 "the memory of the update" has_memory box2$$ $((before + 256 - 8))
expect "limits of the container" "150000 100000 $((256 * mib))" "$(cgroup_of box2$$ cpu.max memory.max | paste -sd' ')"
update box2$$ '{"memory": {"limit": '$((512 * mib))'}}'
eventually 10 "the memory of the second update" has_memory box2$$ $((before + 512 - 8))
expect "raised limits" "150000 100000 $((512 * mib))" "$(cgroup_of box2$$ cpu.max memory.max | paste -sd' ')"
update box2$$ '{"memory": {"limit": '$((64 * mib))'}}'
expect "a lowered limit" $((64 * mib)) "$(cgroup_of box2$$ memory.max)"
expect_status 137 run_in box2$$ dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null
end_pod pod2$$ box2$$
passed
