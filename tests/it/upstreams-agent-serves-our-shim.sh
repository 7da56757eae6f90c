#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1200
#
# Our shim with a guest whose only program is upstream's agent, unmodified: the end of the output is whole eight times of
# eight, nobody waits at the start for a signal that such an agent does not give, exec, terminal, statistics, a configMap
# that changes, signals, pause and resume, memory that is plugged in, limits that change, a report of memory shortage, a
# pod of four work, and a policy that kata-runtime sets is the agent's.
. "$(dirname "$0")/testing.sh"
. "$(dirname "$0")/upstream-parts.sh"
require script curl

upstream_part AGENT
agent=$part
own=$kata/share/kata-containers/kata-containers-initrd.img
# An agent that has policies needs one to start with: everything is allowed.
{
	echo 'package agent_policy'
	sed -nE 's/^\trpc [A-Za-z]+\(([A-Za-z0-9]+)\).*/default \1 := true/p' "$top/lib/rpc/proto/agent.proto" | sort -u
} >"$work/policy.rego"
{
	cat "$top/packaging/guest/initrd.table"
	echo "dir etc/kata-opa 0755"
	echo "file etc/kata-opa/default-policy.rego 0644 policy"
} >"$work/table"
"$top/packaging/guest/mkcpio" "$work/table" "$work/upstream.img" "kata-agent=$agent" "policy=$work/policy.rego"
cp "$work/upstream.img" "$own"
# Half of such a dial_timeout, or all of it, would be seen.
settings=$kata/share/defaults/kata-containers/config.d
cat >"$settings/20-agent.toml" <<-END
	[hypervisor.qemu]
	kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
	default_memory = 512
	[agent.kata]
	dial_timeout = 90
END
# The guest tells when its agent listens and when it is first called; its kernel is to be silent beside.
cat >"$settings/30-debug.toml" <<-END
	[hypervisor.qemu]
	kernel_params = "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1 quiet loglevel=1"
	enable_debug = true
	[agent.kata]
	enable_debug = true
	[runtime]
	enable_debug = true
END
run_kata talks$$ true
rm "$settings/30-debug.toml"
when() { # REGEX - of the first message that is like it, in ms
	local time
	time=$(grep -oE "\"msg\":\"$1\",\"level\":\"INFO\",\"ts\":\"[^\"]+" "$work/containerd.log" | sed -n '1s/.*"//p')
	[ -n "$time" ] || fail "the guest does not say '$1'"
	date -d "$time" +%s%3N
}
waited=$(($(when 'rpc call from shim to agent: [^,]*') - $(when 'ttRPC server started')))
note "an agent that gives no signal is called $waited ms after it listens"
((waited < 2500)) || fail "somebody waits for an agent that does not say that it is there"

status=0
run_kata streams$$ sh -c 'echo out; echo err >&2; exit 42' >"$work/out" 2>"$work/err" || status=$?
expect "exit code" 42 $status
expect "stdout" out "$(cat "$work/out")"
expect "stderr" err "$(tail -n 1 "$work/err")"
expect "stdin" 1048576 "$(head -c 1048576 /dev/zero | run_kata stdin$$ sh -c 'wc -c' | tr -d ' ')"
whole=0
for i in 1 2 3 4 5 6 7 8; do
	# shellcheck disable=SC2016 # for the shell in the container
	run_kata "bytes$i-$$" sh -c 'dd if=/dev/urandom of=/x bs=1M count=1 2>/dev/null; md5sum </x >&2; cat /x' >"$work/out" 2>"$work/err"
	[ "$(tail -n 1 "$work/err")" != "$(md5sum <"$work/out")" ] || whole=$((whole + 1))
done
expect "runs of a megabyte whose end arrived" 8 $whole

pod=pod$$ member=member$$ cri=io.kubernetes.cri
volume=$work/volumes/kubernetes.io~configmap/map
mkdir -p "$volume/..one"
echo first >"$volume/..one/key"
ln -s ..one "$volume/..data"
ln -s ..data/key "$volume/key"
ctr run -d --runtime "$runtime" --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=$pod "$image" $pod sleep 1000
ctr run -d --runtime "$runtime" --annotation $cri.container-type=container --annotation $cri.sandbox-id=$pod \
	--mount "type=bind,src=$volume,dst=/map,options=rbind:ro" "$image" $member sleep 1000
in_member() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" $member "$@"; }
expect "the configMap" first "$(in_member cat /map/key)"
mkdir "$volume/..two"
echo second >"$volume/..two/key"
ln -s ..two "$volume/..new"
mv -T "$volume/..new" "$volume/..data"
rm -r "$volume/..one"
sees_second() { [ "$(in_member cat /map/key)" = second ]; }
eventually 60 "the change of the configMap to be seen" sees_second
status=0
in_member sh -c 'exit 7' || status=$?
expect "exit code of exec" 7 $status
expect "a megabyte from exec" 1048576 "$(in_member head -c 1048576 /dev/zero | wc -c)"
screen=$(script -qec "nsenter -t $init -m -p $containerd_bin/ctr --address /run/containerd/containerd.sock tasks exec -t --exec-id term $member sh -c 'test -t 1 && echo terminal; echo typed'" /dev/null </dev/null | tr -d '\r')
expect_match "the terminal" 'terminal.*typed' "${screen//$'\n'/ }"
expect_match "statistics" 'memory\.usage|usage_limit|memory' "$(ctr tasks metrics $member | tr '\n' ' ')"
expect_match "metrics of the guest" 'kata_guest_meminfo\{item="mem_total"\} [0-9]' "$(inside "$kata/bin/kata-runtime" metrics $pod)"

# shellcheck disable=SC2016 # for the shell in the container
ctr run -d --runtime "$runtime" --annotation $cri.container-type=container --annotation $cri.sandbox-id=$pod \
	"$image" counts$$ sh -c 'trap "echo caught >/caught" USR1; i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
in_counts() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" counts$$ "$@"; }
counts() { [ -n "$(in_counts cat /count)" ]; }
eventually 20 "the second member to run" counts
ctr tasks pause counts$$
expect_match "paused" "counts$$ +[0-9]+ +PAUSED" "$(ctr tasks ls)"
ctr tasks resume counts$$
expect_match "resumed" "counts$$ +[0-9]+ +RUNNING" "$(ctr tasks ls)"
ctr tasks kill --signal USR1 counts$$
caught() { [ "$(in_counts cat /caught 2>/dev/null)" = caught ]; }
eventually 20 "the signal to be caught" caught

memory() { in_counts awk '/^MemTotal/ { print $2 }' /proc/meminfo; }
before=$(memory)
ctr run -d --runtime "$runtime" --annotation $cri.container-type=container --annotation $cri.sandbox-id=$pod \
	--mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro --memory-limit 268435456 "$image" large$$ sleep 1000
grown=$(memory)
[ "$grown" -gt $((before + 120000)) ] || fail "a guest of $before kB has $grown kB with a container of 256 MiB more"
note "memory: $before kB, then $grown kB"

# Task Update.
in_large() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" large$$ "$@"; }
limits() { in_large sh -c 'cd /sys/fs/cgroup && cat cpu.max memory.max' | paste -sd' '; }
expect "limits at first" "max 100000 268435456" "$(limits)"
processors=$(in_counts nproc)
update large$$ '{"cpu": {"quota": 150000, "period": 100000, "cpus": "4096"}, "memory": {"limit": 402653184}}'
expect "raised limits" "150000 100000 402653184" "$(limits)"
has_more() { [ "$(memory)" -gt $((grown + 100000)) ]; }
eventually 30 "the memory of the update" has_more
has_processor() { [ "$(in_counts nproc)" -gt "$processors" ]; }
[ "$(nproc)" -lt 2 ] || eventually 30 "the processor of the update" has_processor
update large$$ '{"memory": {"limit": 67108864}}'
expect "a lowered limit" "150000 100000 67108864" "$(limits)"
note "limits follow an update"

ctr events >"$work/events" 2>/dev/null &
cleanup kill $! 2>/dev/null
expect_status 137 in_large dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null
eventually 20 "the report of memory shortage" grep -q "/tasks/oom.*large$$" "$work/events"
note "what ran out of memory is told"

# An exec has signals of its own, and ends alone.
(ctr tasks exec --exec-id sleeper counts$$ sh -c 'echo begun; exec sleep 1000' >"$work/begun" || exit $?) &
exec_pid=$!
eventually 20 "an exec to begin" grep -q begun "$work/begun"
ctr tasks kill --exec-id sleeper --signal TERM counts$$
status=0
wait $exec_pid || status=$?
expect "exit code of an exec that got a signal" 143 $status
expect_match "the container of it" "counts$$ +[0-9]+ +RUNNING" "$(ctr tasks ls)"

# One that has policies takes another; one without refuses by itself.
sed 's/^default ExecProcessRequest := true/default ExecProcessRequest := false/' "$work/policy.rego" >"$work/strict.rego"
if inside "$kata/bin/kata-runtime" policy set --sandbox-id $pod "$work/strict.rego" 2>"$work/err"; then
	if in_member true 2>"$work/err"; then fail "the policy that was set does not hold"; fi
	expect_match "an exec against the policy" 'blocked by policy' "$(cat "$work/err")"
else
	note "this agent takes no policy: $(cat "$work/err")"
fi
stopped() { [[ $(ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }
for name in large$$ counts$$ $member $pod; do
	ctr tasks kill --signal KILL "$name"
	eventually 30 "$name to stop" stopped "$name"
	ctr tasks delete "$name" >/dev/null 2>&1 || true
	ctr containers delete "$name"
done
eventually 20 "everything to go" nothing_left $pod
passed
