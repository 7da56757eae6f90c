#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ctr.sh - containers through a real containerd: start, exec, memory.  Prints "name value ...".
#
# The test's own containerd (tests/it/testing.sh), with kata and runc side by side in it.
exec 3>&1 >&2
. "$(dirname "$0")/../it/testing.sh"
runs=${BENCH_RUNS:-5}
moment=${moment:?made by tests/bench/run}
kernel_line=${kernel_line:?that of the limit, from parts.sh}

timed() { # COMMAND... - milliseconds until it has ended
	inside "$moment" --exit "$containerd_bin/ctr" --address /run/containerd/containerd.sock "$@"
}

series() { # NAME COMMAND...
	local name=$1 i line="$1"
	shift
	"$@" warm-up >/dev/null
	for ((i = 0; i < runs; i++)); do
		line+=" $("$@" "$i")"
	done
	echo "$line" >&3
}

run_once() { timed run --rm --runtime "io.containerd.$1.v2" "$image" "$1-$2" true; }
exec_once() { timed task exec --exec-id "x$2" "$1" true; }

pss_of() { # PATTERN - of all processes with it in their command line, in bytes
	local pid sum=0 kb
	for pid in $(inside pgrep -f "$1"); do
		kb=$(inside awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
		sum=$((sum + kb * 1024))
	done
	echo "$sum"
}

# The limit is one only as long as its kernel is told what a guest's is.  Beside that a guest has what its kernel
# always has, another console, and words for the agent or of this machine alone.
check_limits_words() {
	local own='console=|8250\.|agent\.|tsc_early_khz=|nr_cpus=|cgroup_no_v1=|systemd\.|(dummy|ifb|bonding)\.|fb_tunnels=|swiotlb=512'
	own+='|initcall_blacklist=(trace_eval|serial8250)_init'
	words() { tr -s ' \n' '\n' | sort -u | grep -vE "^($own)"; }
	ctr task exec --exec-id words rest-kata cat /proc/cmdline >"$work/words"
	diff <(echo "$kernel_line" | words) <(words <"$work/words") >&2 || fail "the limit's kernel is told something else than a guest's"
}

# The agent counts itself; kata-agent-ctl prints the metrics as the agent wrote them.
agent_rss() {
	local socket
	socket=$(inside find /run/vc/vm -path '*/rest-kata/*' -name vsock.sock)
	inside "$top/build/release/bin/kata-agent-ctl" --server-address "hvsock://$socket:1024" GetMetrics |
		awk '$1 == "kata_agent_total_rss" { printf "%.0f\n", $2 }'
}

series ctr_run_kata run_once kata
series ctr_run_runc run_once runc
for runtime in kata runc; do
	ctr run -d --runtime "io.containerd.$runtime.v2" "$image" "rest-$runtime" sleep 1000
done
check_limits_words
series exec_kata exec_once rest-kata
series exec_runc exec_once rest-runc
shim=$(pss_of 'containerd-shim-kata-v2.*rest-kata')
virtiofsd=$(pss_of 'libexec/virtiofsd')
vsock=$(pss_of 'libexec/vhost-device-vsock')
qemu=$(pss_of 'bin/qemu-system-x86_64')
{
	echo "shim_pss $shim"
	echo "virtiofsd_pss $virtiofsd"
	echo "vsock_pss $vsock"
	echo "qemu_pss $qemu"
	echo "pod_pss $((shim + virtiofsd + vsock + qemu))"
	echo "agent_rss $(agent_rss)"
} >&3
for runtime in kata runc; do
	ctr task kill -s KILL "rest-$runtime"
	eventually 20 "the end of rest-$runtime" has_ended "rest-$runtime"
done
passed
