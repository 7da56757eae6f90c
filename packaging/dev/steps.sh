#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# steps.sh - run a list of steps and show how far it is.  Sourced by dev.
#
# A step is "TITLE | FUNCTION | WHAT TO DO WHEN IT FAILS".  Its output goes to a log of its own; what
# the reader sees is step n of m, the time so far and, while the log counts ("[12/340]"), a bar.
# Without a terminal there is a line per step, and one each minute while it lasts.
#
# A title "&" is no step: the function runs beside the steps that follow and ends with them.  It may
# do part of their work ahead; whether it succeeds is for them to find out.
# shellcheck disable=SC2154 # log_dir comes from dev
step_pid=
beside_pids=()
step_times=()

trim() {
	local text=$1
	text=${text#"${text%%[![:space:]]*}"}
	echo "${text%"${text##*[![:space:]]}"}"
}

# The newest "[N/M]" of a log, as "N M".
progress_of() { # LOG
	tail -c 4000 "$1" 2>/dev/null | tr '\r' '\n' |
		sed -n 's/^\[\([0-9]*\)\/\([1-9][0-9]*\)\].*/\1 \2/p' | tail -n 1
}

bar() { # DONE TOTAL
	local width=24 full
	full=$(($1 * width / $2))
	printf '[%-*s] %d/%d' "$width" "$(printf '%*s' "$full" '' | tr ' ' '#')" "$1" "$2"
}

clock() { # SECONDS
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# The log whose counter is shown: the step's own, or the one it names in its first lines.
counting_log() { # LOG
	local named
	named=$(sed -n 's/.*(log: \(.*\))$/\1/p' "$1" 2>/dev/null | tail -n 1)
	echo "${named:-$1}"
}

watch_step() { # HEAD LOG
	local began=$SECONDS told=0 counts
	while [ -d "/proc/$step_pid" ] && ! grep -q '^State:.Z' "/proc/$step_pid/status" 2>/dev/null; do
		if [ -t 1 ]; then
			read -r -a counts <<<"$(progress_of "$(counting_log "$2")")"
			printf '\r\033[K%s  %s  %s' "$1" "$(clock $((SECONDS - began)))" \
				"$([ ${#counts[@]} -ne 2 ] || bar "${counts[@]}")"
		elif ((SECONDS - began >= told + 60)); then
			told=$((SECONDS - began))
			echo "$1  still at it after $(clock "$told")"
		fi
		sleep 0.2
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

start() { # FUNCTION LOG: in a process group of its own, $!
	set -m
	# shellcheck disable=SC2086 # a step's function may have words as arguments
	$1 >"$2" 2>&1 </dev/null &
	set +m
}

stop_beside() {
	local pid
	for pid in "${beside_pids[@]}"; do
		! jobs -rp | grep -qx "$pid" || kill -TERM -- "-$pid" 2>/dev/null || true
	done
}

stop_step() {
	[ -z "$step_pid" ] || kill -TERM -- "-$step_pid" 2>/dev/null
	stop_beside
	echo
	echo "stopped; what was finished is kept, run the same command again to go on"
	exit 130
}

failed_step() { # HEAD LOG HINT
	stop_beside
	{
		echo "$1  FAILED"
		echo "  reason:"
		tail -n 12 "$2" | sed 's/^/    /'
		echo "  log: $2"
		echo "  what to do: $3"
	} >&2
	exit 1
}

run_step() { # NUMBER TOTAL TITLE FUNCTION HINT
	local title=$3 function=$4 hint=$5 head log began
	head="step $1 of $2: $title"
	log=$log_dir/$(printf '%02d' "$1")-${function// /-}.log
	began=$(date +%s%N)
	start "$function" "$log"
	step_pid=$!
	watch_step "$head" "$log"
	wait "$step_pid" || failed_step "$head" "$log" "$hint"
	step_pid=
	step_times+=("$(printf '%7.1f s  %s' "$((($(date +%s%N) - began) / 100000000))e-1" "$title")")
	echo "$head  done in $(clock $((($(date +%s%N) - began) / 1000000000)))"
}

run_steps() { # STEP...
	local step title function hint number=0 total
	total=$(printf '%s\n' "$@" | grep -vc '^&')
	mkdir -p "$log_dir"
	trap stop_step INT TERM
	for step; do
		IFS='|' read -r title function hint <<<"$step"
		title=$(trim "$title") function=$(trim "$function") hint=$(trim "$hint")
		if [ "$title" = '&' ]; then
			start "$function" "$log_dir/beside-${function%% *}.log"
			beside_pids+=($!)
			continue
		fi
		number=$((number + 1))
		run_step "$number" "$total" "$title" "$function" "$hint"
	done
	stop_beside
	trap - INT TERM
}
