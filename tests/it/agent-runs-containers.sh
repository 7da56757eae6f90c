#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The agent as a plain process in namespaces of its own: everything it does with containers that
# needs no kernel of its own; afterwards it has no descriptor, mount, process, cgroup or file more.
# shellcheck disable=SC2034 # root and evil_root are for agent-checks.sh
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/agent-checks.sh"

require_root
require busybox jq unshare nsenter
build=${KATA_BUILD_DIR:-$top/build/dev}
agent=$build/bin/kata-agent
address=unix://$work/agent.sock
root=$work/image
evil_root=$work/evil
cgroups=

[ -x "$agent" ] || skip "no agent in '$build'"
make_image "$root"
cp -a "$root" "$evil_root"
rmdir "$evil_root/proc"
ln -s tmp "$evil_root/proc"

make_cgroup() {
	local mount
	for mount in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		[ "$(stat -f -c %T "$mount" 2>/dev/null)" = cgroup2fs ] || continue
		cgroups=$mount/kata-test.$$
		cleanup remove_cgroup
		mkdir "$cgroups"
		return
	done
}

# What ran there when the test ended is gone a moment later.
remove_cgroup() {
	local deadline=$((SECONDS + 10))
	until find "$cgroups" -depth -type d -exec rmdir {} + 2>/dev/null || [ $SECONDS -ge $deadline ]; do
		echo 1 >"$cgroups/cgroup.kill"
		sleep 0.1
	done
}

# The shell is the first process of the namespaces, the agent its child.
start_agent() {
	cat >"$work/init" <<-END
		$(surroundings)
		export KATA_AGENT_CGROUP_ROOT=$cgroups
		trap '' HUP USR1
		$agent -s $address -p agent.log=debug >$work/agent.log 2>&1 &
		echo \$! >$work/agent.pid
		wait \$!
		echo \$? >$work/agent.status
	END
	unshare --mount --pid --net --fork --kill-child bash "$work/init" &
	unshare_pid=$!
	cleanup kill_agent
	ctl Check >/dev/null
	init=$(pgrep -P "$unshare_pid")
}

kill_agent() {
	kill -KILL "$unshare_pid" 2>/dev/null
	wait "$unshare_pid" 2>/dev/null
}

ctl() { "$build/bin/kata-agent-ctl" --server-address "$address" --retry "$@"; }
ctl_data() { "$build/bin/kata-agent-ctl" --server-address "$address" --data - "$@"; }
inside() { nsenter --target "$init" --mount --pid "$@"; }

# What the agent holds: descriptors, mounts, processes, groups, files.
holdings() {
	local pid
	pid=$(cat "$work/agent.pid")
	inside bash -c "ls /proc/$pid/fd | wc -l; ls /run/kata-containers"
	inside awk -v work="$work" '$5 ~ "^/run" || $5 ~ "^" work {print $5}' /proc/1/mountinfo
	inside bash -c 'cat /proc/[0-9]*/comm 2>/dev/null' | grep -v '^\(bash\|cat\)$'
	[ -z "$cgroups" ] || find "$cgroups" -type d
}

same_holdings() {
	holdings >"$work/after"
	diff "$work/before" "$work/after"
}

[ -z "${CHECKS:-}" ] || read -r -a every_check <<<"$CHECKS"
# A connection of the last call may still be closing: at rest is what stays the same for a second.
is_at_rest() {
	holdings >"$work/before"
	sleep 1
	same_holdings
}

make_cgroup
[ -n "$cgroups" ] || every_check=("${every_check[@]/pause/}")
start_agent
ctl CreateSandbox '{"hostname": "box", "sandbox_id": "sandbox"}' >/dev/null
output warm-up . true >/dev/null
eventually 15 "the agent to be at rest" is_at_rest
run_checks "${every_check[@]}"
eventually 15 "nothing to be left" same_holdings
ctl DestroySandbox >/dev/null
eventually 5 "the agent to end" test -s "$work/agent.status"
expect "exit status of the agent" 0 "$(cat "$work/agent.status")"
! grep -E "ERROR: |WARNING: ThreadSanitizer|runtime error" "$work/agent.log" || fail "a sanitizer complains: $(head -c 4000 "$work/agent.log")"
echo "PASSED"
