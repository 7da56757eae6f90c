#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# Whatever breaks, calls are answered and teardown ends: the VMM killed, the shim killed, a guest that
# stands still (its VMM stopped by SIGSTOP), a task killed while it is created, a missing kernel.
. "$(dirname "$0")/testing.sh"

start() { ctr run -d --runtime "$runtime" "$image" "$1" sleep 1000; }
state_of() { ctr tasks ls | awk -v n="$1" '$1 == n { print $3 }'; }
is() { [ "$(state_of "$1")" = "$2" ]; }
pid_of() { # NAME PROGRAM - inside containerd's namespace
	inside ps -eo pid,args | awk -v n="$1" -v p="$2" 'index($0, n) && $2 ~ p "$" { print $1; exit }'
}
remove() {
	ctr tasks delete "$1" >"$work/delete" 2>&1 || true
	ctr containers delete "$1" 2>/dev/null || true
	eventually 15 "everything of '$1' to go" nothing_left "$1"
}

reason_of() { grep -a "sandbox=$1" "$work/containerd.log" | grep -o 'the sandbox ends: .*'; }

note "VMM killed"
box=vmm$$
start $box
begin=$SECONDS
inside kill -KILL "$(pid_of $box qemu-system-x86_64)"
eventually 10 "the task to stop" is $box STOPPED
remove $box
expect_match "exit code" 'exit code 255' "$(cat "$work/delete")"
expect_match "the reason" 'qemu was killed by signal 9' "$(reason_of $box)"
note "took $((SECONDS - begin)) s"

note "VMM killed, and its daemon seen dead before it"
box=both$$
start $box
inside kill -KILL "$(pid_of $box virtiofsd)" "$(pid_of $box qemu-system-x86_64)"
eventually 10 "the task to stop" is $box STOPPED
remove $box
expect_match "the reason" 'qemu was killed by signal 9' "$(reason_of $box)"

note "virtiofsd killed"
box=fs$$
start $box
inside kill -KILL "$(pid_of $box virtiofsd)"
eventually 10 "the task to stop" is $box STOPPED
remove $box
expect_match "the reason" 'virtiofsd was killed by signal 9' "$(reason_of $box)"

note "shim killed"
box=shim$$
start $box
inside kill -KILL "$(pid_of $box containerd-shim-kata-v2)"
gone() { ! is $box RUNNING && nothing_left $box; }
eventually 15 "containerd to notice and clean up" gone
remove $box

note "guest stands still"
box=still$$
start $box
inside kill -STOP "$(pid_of $box qemu-system-x86_64)"
timeout 40 "$BASH" -c "$(declare -f ctr inside); init=$init containerd_bin=$containerd_bin; ctr tasks exec --exec-id e1 $box true" \
	>/dev/null 2>&1 &
exec_pid=$!
eventually 5 "an exec to hang" inside pgrep -f "exec --exec-id e1 $box"
begin=$SECONDS
expect "state" RUNNING "$(state_of $box)"
((SECONDS - begin < 10)) || fail "State took $((SECONDS - begin)) s behind an exec that hangs"
begin=$SECONDS
ctr tasks kill --signal KILL $box
note "kill took $((SECONDS - begin)) s"
((SECONDS - begin < 15)) || fail "Kill took $((SECONDS - begin)) s"
eventually 10 "the task to stop" is $box STOPPED
remove $box
wait $exec_pid || true

note "killed during creation"
box=early$$
start $box >"$work/early" 2>&1 &
start_pid=$!
eventually 10 "a VM that boots" sh -c "$(declare -f inside pid_of); init=$init; [ -n \"\$(pid_of $box qemu-system-x86_64)\" ]"
inside kill -KILL "$(pid_of $box virtiofsd)" "$(pid_of $box qemu-system-x86_64)"
wait $start_pid && fail "a task whose VM died was started"
remove $box
expect_match "the reason" 'qemu was killed by signal 9' "$(cat "$work/early")"

note "no kernel"
box=kernel$$
mv "$kata/share/kata-containers/vmlinux.container" "$work/vmlinux"
start $box >"$work/no-kernel" 2>&1 && fail "started without a kernel"
mv "$work/vmlinux" "$kata/share/kata-containers/vmlinux.container"
expect_match "the reason" 'vmlinux.container' "$(cat "$work/no-kernel")"
remove $box

note "an annotation that is not allowed"
box=gate$$
ctr run -d --runtime "$runtime" --annotation io.katacontainers.config.hypervisor.path=/bin/sh "$image" $box true \
	>"$work/gate" 2>&1 && fail "an annotation chose the VMM"
expect_match "the reason" 'enable_annotations' "$(cat "$work/gate")"
remove $box
passed
