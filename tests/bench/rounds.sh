#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rounds.sh - our programs against those of the first round (artefact first-round), in one containerd: bytes out of and into a
# container, the end of a task, and many sandboxes one after another and at once.  Prints "name value ...".
#
# Shim, initrd with its agent, and configuration are the first round's own; kernel, QEMU and its daemons are those under
# test in both, so that the programs are compared.  The first round did not bound the packets of the guest, and with
# today's kernel longer ones reach vhost-device-vsock in pieces, which it does not take: the streams would hang.  So its
# daemon is given our bound (runtime/vmm/vsock-daemon.c).  runc stands beside them where it can.
#
#   BENCH_RUNS (5) runs of each after one that does not count, in turn, so that all share how fast the machine is just now;
#   BENCH_SANDBOXES (40) sandboxes one after another, then as many at once.
exec 3>&1 >&2
. "$(dirname "$0")/../it/testing.sh"
runs=${BENCH_RUNS:-5} sandboxes=${BENCH_SANDBOXES:-40}
moment=${moment:?made by tests/bench/run}
bytes=$((20 << 20))
export CONTAINERD_ADDRESS=/run/containerd/containerd.sock
first=$("$top/packaging/artefact" first-round)
cp -a "$kata" "$work/first"
cp -a "$first/kata/." "$work/first/"
mv "$work/first/libexec/vhost-device-vsock" "$work/first/libexec/daemon"
cat >"$work/first/libexec/vhost-device-vsock" <<-'END'
	#!/bin/sh
	# --vm OPTIONS
	exec "${0%/*}/daemon" "$1" "$2,tx-buffer-size=24576"
END
chmod 755 "$work/first/libexec/vhost-device-vsock"
# Many guests that boot at once have little of the processors each.
for tree in "$kata" "$work/first"; do
	printf '[agent.kata]\ndial_timeout = 300\n' >"$tree/share/defaults/kata-containers/config.d/20-patient.toml"
done
declare -A runtimes=(
	[ours]=io.containerd.kata.v2
	[first]=$work/first/bin/containerd-shim-kata-v2
	[runc]=io.containerd.runc.v2
)

now() { date +%s%N; }
# since NANOSECONDS [PARTS] - milliseconds, of one part
since() { awk -v ns=$(($(now) - $1)) -v n="${2:-1}" 'BEGIN { printf "%.1f\n", ns / 1e6 / n }'; }
begin() { ctr run -d --runtime "${runtimes[$1]}" "$image" "$2" sleep 100000; } # WHOSE ID
end() { # ID...
	local id
	for id; do ctr task kill -s KILL "$id"; done
	for id; do
		eventually 120 "the end of $id" has_ended "$id"
		ctr task rm "$id" >/dev/null
		ctr container rm "$id"
	done
}

# in_turn NAME WHOSE... - the function NAME for each, called with it and the number of the run.
in_turn() {
	local name=$1 i whose took
	shift
	local -A list=()
	for ((i = -1; i < runs; i++)); do
		for whose; do
			took=$("$name" "$whose" "$((i + 1))")
			[ "$i" = -1 ] || list[$whose]+=" $took"
		done
	done
	for whose; do echo "rounds_${name}_$whose${list[$whose]}" >&3; done
}

timed() { inside "$moment" --exit /bin/sh -c "$1"; } # milliseconds

output() { # WHOSE RUN
	timed "[ \$('$containerd_bin/ctr' task exec --exec-id o$2 at-$1 dd if=/dev/zero bs=64k count=320 2>/dev/null | wc -c) = $bytes ]"
}

input() { # WHOSE RUN
	timed "exec '$containerd_bin/ctr' task exec --exec-id i$2 at-$1 dd of=/dev/null bs=64k <'$work/input' 2>/dev/null"
}

# A command that stays in the guest: what an exec costs beside it is the way there and back.
small_exec() { timed "exec '$containerd_bin/ctr' task exec --exec-id e$2 at-$1 true"; } # WHOSE RUN

# From the call of Kill until the event of the exit is there.
ended() { # WHOSE RUN
	local id=ended-$1-$2 began events line=''
	begin "$1" "$id"
	exec {events}< <(ctr events)
	sleep 1 # until it listens
	began=$(now)
	ctr task kill -s KILL "$id"
	until [[ $line == */tasks/exit*"$id"* ]]; do read -r -t 60 line <&"$events"; done
	since "$began"
	exec {events}<&-
	eventually 60 "the end of $id" has_ended "$id"
	ctr task rm "$id" >/dev/null || true
	ctr container rm "$id"
}

# What a sandbox's processes have for themselves, the mean of those that run, in bytes.
private() { # ID-PREFIX HOW-MANY
	local pid sum=0 kb
	for pid in $(inside pgrep -f -- "$1"); do
		kb=$(inside awk '/^Private_/ { kb += $2 } END { print kb }' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
		sum=$((sum + ${kb:-0} * 1024))
	done
	echo $((sum / $2))
}

# In turn as well; what is told is the mean of each.
one_after_another() { # WHOSE...
	local i whose began
	local -A spent=()
	for ((i = 0; i < sandboxes; i++)); do
		for whose; do
			began=$(now)
			ctr run --rm --runtime "${runtimes[$whose]}" "$image" "row-$whose-$i" true
			spent[$whose]=$((${spent[$whose]:-0} + $(now) - began))
		done
	done
	for whose; do
		echo "rounds_row_$whose $(since $(($(now) - spent[$whose])) "$sandboxes")" >&3
		eventually 20 "what sandboxes one after another leave" nothing_left "row-$whose-"
	done
}

# The first round's do not all start then: those are told of, and time and memory are of the others.
at_once() { # WHOSE
	local i began took pids=() ids=()
	began=$(now)
	for ((i = 0; i < sandboxes; i++)); do
		begin "$1" "once-$1-$i" &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		! wait "${pids[i]}" || ids+=("once-$1-$i")
	done
	took=$(since "$began" ${#ids[@]})
	echo "rounds_once_$1 $took" >&3
	echo "rounds_started_$1 ${#ids[@]}" >&3
	[ "$1" = first ] || [ ${#ids[@]} = "$sandboxes" ] || fail "${#ids[@]} of $sandboxes sandboxes started at once"
	echo "rounds_private_$1 $(private "once-$1-" ${#ids[@]})" >&3
	end "${ids[@]}"
	eventually 60 "what sandboxes at once leave" nothing_left "once-$1-"
}

dd if=/dev/zero of="$work/input" bs=1M count=20 2>/dev/null
for whose in ours first runc; do begin "$whose" "at-$whose"; done
for what in output input small_exec; do in_turn $what ours first runc; done
end at-ours at-first at-runc
in_turn ended ours first runc
one_after_another ours first
for whose in ours first; do at_once "$whose"; done
passed
