#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 600
#
# Upstream's kata-runtime, unmodified, finds our sandboxes: it enters one, shows its metrics, reads and writes its packet
# filter and is told that there are no policies.  Upstream's kata-monitor knows them, and can read all that is said of them.
. "$(dirname "$0")/testing.sh"
. "$(dirname "$0")/upstream-parts.sh"
require script curl

upstream_part RUNTIME
upstream_tool "$part"
cat >"$kata/share/defaults/kata-containers/config.d/20-console.toml" <<-END
	[agent.kata]
	debug_console_enabled = true
END
box=box$$
ctr run -d --runtime "$runtime" "$image" $box sleep 1000

theirs metrics $box >"$work/metrics"
for name in 'kata_shim_threads' 'kata_shim_fds' 'kata_shim_proc_status{item="vmrss"}' 'kata_hypervisor_threads' \
	'kata_hypervisor_io_stat{item="rchar"}' 'kata_virtiofsd_proc_stat{item="utime"}' 'kata_shim_pod_overhead_memory_in_bytes' \
	'kata_shim_rpc_durations_histogram_milliseconds_count{action="create"}' 'kata_agent_threads' \
	'kata_shim_agent_rpc_durations_histogram_milliseconds_count{action="grpc.StartContainerRequest"}' \
	'kata_guest_cpu_time{cpu="total",item="user"}' 'kata_guest_meminfo{item="mem_total"}'; do
	grep -qE "^$(sed 's/[{}]/\\&/g' <<<"$name") [0-9]" "$work/metrics" || fail "no $name: $(head -c 1000 "$work/metrics")"
done
note "$(grep -vc '^#' "$work/metrics") numbers"

# It wants a terminal.
enter() { script -qec "nsenter -t $init -m -p timeout --foreground 60 $tool --config $tool_configuration exec $box" /dev/null; }
screen=$( (sleep 3; printf 'cat /proc/version\r'; sleep 3; printf 'exit\r'; sleep 3) | enter | tr -d '\r')
expect_match "what it shows of the guest" 'Linux version' "$screen"

printf '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 4321 -m comment --comment "of the host" -j DROP\nCOMMIT\n' >"$work/rules"
theirs iptables set --sandbox-id $box "$work/rules"
expect_match "the packet filter" '-A INPUT -p tcp -m tcp --dport 4321 -m comment --comment "of the host" -j DROP' \
	"$(theirs iptables get --sandbox-id $box)"
expect_match "the same by ours" '--dport 4321' "$(inside "$kata/bin/kata-runtime" iptables get --sandbox-id $box)"
sed 's/-p tcp -m tcp --dport 4321/-s fd00::1\/128/' "$work/rules" >"$work/rules6"
theirs iptables set --sandbox-id $box --v6 "$work/rules6"
expect_match "that of IPv6" '-A INPUT -s fd00::1/128' "$(theirs iptables get --sandbox-id $box --v6)"
echo nonsense >"$work/wrong"
expect_match "rules that are none" 'iptables-restore' "$(theirs iptables set --sandbox-id $box "$work/wrong" 2>&1 || true)"
expect_match "a policy" 'no policy' "$(theirs policy set --sandbox-id $box "$work/rules" 2>&1 || true)"

if [ -x "${KATA_TEST_UPSTREAM_MONITOR:-}" ]; then
	inside sh -c "$KATA_TEST_UPSTREAM_MONITOR --listen-address 127.0.0.1:8090 >$work/monitor.log 2>&1 </dev/null & echo \$! >$work/monitor.pid"
	stop_monitor() { inside kill "$(cat "$work/monitor.pid")"; }
	cleanup stop_monitor
	knows() { inside curl -fsS http://127.0.0.1:8090/sandboxes 2>/dev/null | grep -qx "$box"; }
	eventually 30 "kata-monitor to know the sandbox" knows
	expect_match "the agent's address" '^(h?vsock)://' "$(inside curl -fsS "http://127.0.0.1:8090/agent-url?sandbox=$box")"
	# What it gathers of all sandboxes it has parsed.
	inside curl -fsS http://127.0.0.1:8090/metrics >"$work/all"
	for name in kata_shim_threads kata_hypervisor_threads kata_guest_load kata_shim_rpc_durations_histogram_milliseconds_bucket; do
		grep -q "^$name{.*sandbox_id=\"$box\"" "$work/all" || fail "kata-monitor has no $name: $(tail -n 5 "$work/monitor.log")"
	done
else
	note "KATA_TEST_UPSTREAM_MONITOR is not set: kata-monitor is not asked"
fi
ctr tasks kill --signal KILL $box
eventually 30 "the container to end" has_ended $box
ctr tasks delete $box >/dev/null 2>&1 || true
eventually 20 "everything to go" nothing_left $box
passed
