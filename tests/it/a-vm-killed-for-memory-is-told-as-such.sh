#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
#
# The kernel kills a VM because its pod has used up its memory: containerd hears of the shortage before the
# exit, whose status is that of a killed process.
. "$(dirname "$0")/testing.sh"

name=hungry$$
ctr run -d --runtime "$runtime" "$image" "$name" sleep 1000
vm=$(inside pgrep -f 'bin/qemu-system-x86_64' | head -n 1)
ctr events >"$work/events" &
cleanup kill $!
# shellcheck disable=SC2016 # for the shell inside
inside sh -c '
	group=$(sed -n "s/^[0-9]*:memory://p" /proc/'"$vm"'/cgroup)
	if [ -n "$group" ]; then
		cd "/sys/fs/cgroup/memory${group%/*}" && echo $(($(cat memory.usage_in_bytes) + 8388608)) >memory.limit_in_bytes
	else
		cd "/sys/fs/cgroup$(sed -n "s/^0:://;s,/[^/]*$,,p" /proc/'"$vm"'/cgroup)" && echo $(($(cat memory.current) + 8388608)) >memory.max
	fi'
ctr tasks exec --exec-id eat "$name" dd if=/dev/zero of=/dev/null bs=120M count=1 && fail "there was more memory than the pod has"
told() { grep -q '/tasks/exit' "$work/events"; }
eventually 60 "the exit" told
expect "what came first" "/tasks/oom /tasks/exit" "$(grep -o '/tasks/oom\|/tasks/exit' "$work/events" | head -n 2 | paste -sd' ')"
expect_match "the exit" '"exit_status":137' "$(grep /tasks/exit "$work/events" | head -n 1)"
passed
