#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What upstream's shims ask an agent for, request by request as they were recorded (tests/it/upstream-requests), is served
# by ours, a plain process in namespaces of its own: each request is known to the last member and answered, and what comes
# of it is what came then.  Left out is only what needs a kernel of its own: the mount of the shared folder, which is one of
# the test's here, processors and memory to be switched on, and control groups to count in.
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/agent-checks.sh"

require_root
require busybox jq unshare nsenter
build=${KATA_BUILD_DIR:-$top/build/dev}
agent=$build/bin/kata-agent
records=$top/tests/it/upstream-requests
[ -x "$agent" ] || skip "no agent in '$build'"
make_image "$work/image"

ctl() { "$build/bin/kata-agent-ctl" --server-address "unix://$run/agent.sock" --retry "$@"; }
inside() { nsenter --target "$(cat "$run/agent.pid")" --mount "$@"; }

# start_agent NAME - with files of its own in $run.
start_agent() {
	run=$work/$1
	mkdir "$run"
	cat >"$run/init" <<-END
		$(surroundings)
		$agent -s unix://$run/agent.sock >$run/agent.log 2>&1
	END
	unshare --mount --pid --net --fork --kill-child bash "$run/init" &
	agents+=($!)
	ctl Check >/dev/null
	pgrep -f "$agent -s unix://$run/agent.sock" | head -n 1 >"$run/agent.pid"
}

agents=()
stop_agents() {
	kill -KILL "${agents[@]}" 2>/dev/null
	wait "${agents[@]}" 2>/dev/null
}
cleanup stop_agents

# host_side REQUEST - what the host has put into the shared folder when it asks for a container.
host_side() {
	local root source target
	root=$(jq -r '.oci.root.path' <<<"$1")
	inside mkdir -p "$root"
	inside mount --bind "$work/image" "$root"
	while read -r source target; do
		inside sh -euc "mkdir -p $source/..one && echo first >$source/..one/key && ln -s ..one $source/..data && ln -s ..data/key $source/key
			mkdir -p $(dirname "$target")"
	done < <(jq -r '.storages[]? | select(.driver == "watchable-bind") | "\(.source) \(.mount_point)"' <<<"$1")
}

# read_all METHOD REQUEST FILE - a stream, by the request that the shim makes again and again.
read_all() {
	while ctl --timeout 60 "$1" "$2" >"$3.chunk" 2>/dev/null && [ -s "$3.chunk" ]; do
		cat "$3.chunk" >>"$3"
	done
}

# ask METHOD REQUEST - must be answered.
ask() { ctl "$1" "$2" >"$run/answer" 2>&1 || fail "$1 $2: $(cat "$run/answer")"; }

# play FILE - leaves the streams and the exit statuses in $run, as CONTAINER.EXEC.ReadStdout and the like.
play() {
	local line method request process bytes
	local -A readers=()
	start_agent "$(basename "$1" .jsonl)"
	grep -q '"CreateSandbox"' "$1" || ask CreateSandbox '{"sandbox_id": "pod", "storages": [{"driver": "ephemeral", "fstype": "tmpfs", "source": "shm",
		"mount_point": "/run/kata-containers/sandbox/shm"}]}'
	while read -r line; do
		method=$(jq -r .method <<<"$line")
		request=$(jq -c .request <<<"$line")
		process=$(jq -r '"\(.container_id).\(.exec_id // .container_id)"' <<<"$request")
		case $method in
		CreateSandbox) ask "$method" "$(jq -c 'del(.storages[] | select(.driver == "virtio-fs"))' <<<"$request")" ;;
		OnlineCPUMem | ReseedRandomDev | SetGuestDateTime) ;;
		GetOOMEvent) ctl "$method" >/dev/null 2>&1 & ;;
		ReadStdout | ReadStderr)
			[ -e "$run/$process.$method" ] || {
				: >"$run/$process.$method"
				read_all "$method" "$request" "$run/$process.$method" &
				readers[$process]+=" $!"
			}
			;;
		WaitProcess)
			ask "$method" "$request"
			jq -r '.status // 0' "$run/answer" >"$run/$process.status"
			# Some shims ask when they have all of the output.
			# shellcheck disable=SC2086 # several
			[ -z "${readers[$process]:-}" ] || wait ${readers[$process]} || true
			unset "readers[$process]"
			;;
		CreateContainer)
			host_side "$request"
			ask "$method" "$request"
			;;
		# Also asked of what has ended meanwhile, which the shim expects; otherwise answered.
		StatsContainer | TtyWinResize | WriteStdin)
			bytes=$(jq -r '.zeros // empty' <<<"$line")
			head -c "${bytes:-0}" /dev/zero >"$run/bytes"
			ctl ${bytes:+--data "$run/bytes"} "$method" "$request" >"$run/answer" 2>&1 ||
				expect_match "$method of what has ended" 'there is no container|No such process|has no terminal|has ended|is closed|no cgroup to count in' "$(cat "$run/answer")"
			;;
		# A shim ends what it has waited for once more.
		SignalProcess)
			ctl "$method" "$request" >"$run/answer" 2>&1 || expect_match "$method of what has ended" 'No such process' "$(cat "$run/answer")"
			;;
		*) ask "$method" "$request" ;;
		esac
	done <"$1"
	! grep -E "ERROR: |WARNING: ThreadSanitizer|runtime error" "$run/agent.log" || fail "a sanitizer complains: $(head -c 4000 "$run/agent.log")"
}

for shim in go rust; do
	play "$records/shim-$shim-4.1.0-alone.jsonl"
	note "a container of the shim in $shim"
	expect "standard output" "$(uname -r) 100000" "$(tr '\n' ' ' <"$run/once.once.ReadStdout" | sed 's/ $//')"
	expect "standard error" err "$(cat "$run/once.once.ReadStderr")"
	expect "exit status" 42 "$(cat "$run/once.once.status")"

	play "$records/shim-$shim-4.1.0-member.jsonl"
	note "a member of a pod of it"
	expect "the configMap" first "$(cat "$run/member.exec1.ReadStdout")"
	expect "exit status of an exec" 7 "$(cat "$run/member.exec3.status")"
	expect_match "a terminal" 'terminal.*typed' "$(tr -d '\r' <"$run/member.exec4.ReadStdout" | tr '\n' ' ')"
	expect "exit status of the member" 137 "$(cat "$run/member.member.status")"
done
expect "exit status of an exec that got a signal" 143 "$(cat "$run/member.exec5.status")"
expect "a megabyte" "$(cat "$run/member.exec6.ReadStderr")" "$(md5sum <"$run/member.exec6.ReadStdout")"
