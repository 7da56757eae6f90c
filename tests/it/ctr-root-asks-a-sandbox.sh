#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kata-runtime asks the shim of a sandbox: its metrics are of the shim, the VMM, its daemon and the guest, in a form that
# every line of keeps; the packet filter of the guest is shown and replaced, of either family; a policy is refused by
# name; the debug console is entered; only root is answered.
. "$(dirname "$0")/testing.sh"

cat >"$kata/share/defaults/kata-containers/config.d/20-console.toml" <<-END
	[agent.kata]
	debug_console_enabled = true
END
box=box$$
ctr run -d --runtime "$runtime" "$image" $box sleep 1000
ask() { inside timeout 60 "$kata/bin/kata-runtime" "$@"; }

ask metrics $box >"$work/metrics"
# name{label="value",...} number
if grep -vE '^# (HELP|TYPE) [a-z_]+ .+$|^kata_[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? -?[0-9.e+-]+$' "$work/metrics"; then
	fail "these lines are none of Prometheus'"
fi
expect "families told twice" "" "$(grep '^# TYPE' "$work/metrics" | sort | uniq -d)"
for name in 'kata_shim_threads' 'kata_shim_fds' 'kata_shim_proc_status{item="vmrss"}' 'kata_hypervisor_threads' \
	'kata_hypervisor_io_stat{item="rchar"}' 'kata_hypervisor_fds' 'kata_virtiofsd_proc_stat{item="utime"}' \
	'kata_shim_pod_overhead_memory_in_bytes' 'kata_shim_rpc_durations_histogram_milliseconds_count{action="create"}' \
	'kata_shim_agent_rpc_durations_histogram_milliseconds_count{action="grpc.StartContainerRequest"}' \
	'kata_agent_threads' 'kata_guest_cpu_time{cpu="total",item="user"}' 'kata_guest_meminfo{item="mem_total"}'; do
	grep -qF "$name " "$work/metrics" || fail "no $name: $(grep -v '^#' "$work/metrics" | head -n 40)"
done
rss=$(sed -n 's/^kata_hypervisor_proc_status{item="vmrss"} //p' "$work/metrics")
[ "$rss" -gt $((20 << 20)) ] || fail "the VMM has $rss bytes"
expect_match "the pod's overhead once there is a time to count" '^kata_shim_pod_overhead_cpu -?[0-9]' \
	"$(ask metrics $box | grep '^kata_shim_pod_overhead_cpu')"
note "$(grep -vc '^#' "$work/metrics") numbers"

cat >"$work/rules" <<-'END'
	*filter
	:INPUT ACCEPT [0:0]
	:FORWARD DROP [0:0]
	:OUTPUT ACCEPT [0:0]
	-A INPUT -p tcp -m tcp --dport 4321 -m comment --comment "of the host" -j DROP
	COMMIT
END
ask iptables set --sandbox-id $box "$work/rules"
expect "the packet filter" "$(sed 1d "$work/rules" | grep -v COMMIT | sed 's/\[.*//')" \
	"$(ask iptables get --sandbox-id $box | sed -n '/^\*filter/,/^COMMIT/p' | grep -E '^[:-]' | sed 's/\[.*//')"
sed 's/-p tcp -m tcp --dport 4321/-s fd00::1\/128/' "$work/rules" >"$work/rules6"
ask iptables set --sandbox-id $box --v6 "$work/rules6"
expect_match "that of IPv6" '-A INPUT -s fd00::1/128 -m comment' "$(ask iptables get --sandbox-id $box --v6)"
ask iptables get --sandbox-id $box >"$work/before"
echo nonsense >"$work/wrong"
if ask iptables set --sandbox-id $box "$work/wrong" 2>"$work/err"; then fail "nonsense was taken"; fi
expect_match "rules that are none" 'iptables-restore ended with status' "$(cat "$work/err")"
expect "rules afterwards" "$(grep -v '^#' "$work/before")" "$(ask iptables get --sandbox-id $box | grep -v '^#')"
if ask policy set --sandbox-id $box "$work/rules" 2>"$work/err"; then fail "a policy was taken"; fi
expect_match "a policy" 'SetPolicy: this agent has no policy' "$(cat "$work/err")"

expect_match "what the console shows" 'Linux version' "$(printf 'cat /proc/version\nexit\n' | ask exec $box | tr -d '\r')"
expect_match "who is not root" 'needs root|denied' \
	"$(inside setpriv --reuid 65534 --clear-groups "$kata/bin/kata-runtime" metrics $box 2>&1 || true)"
expect_match "a sandbox that is not there" 'no shim that can be asked' "$(ask metrics none$$ 2>&1 || true)"
ctr tasks kill --signal KILL $box
eventually 30 "the container to end" has_ended $box
ctr tasks delete $box >/dev/null 2>&1 || true
eventually 20 "everything to go" nothing_left $box
passed
