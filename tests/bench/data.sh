#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# data.sh - 20 MiB out of a container and into it by exec, out of it as its own output, and into a volume, kata beside
# runc.  Prints "name value ...".
#
# The test's own containerd (tests/it/testing.sh); the time is that of `ctr task exec` from its start to its
# end, with all of the output received, all of the input read, or all of the file on the host's disk (fsync); a
# container's own output is what comes from its first byte on, so that no start of a guest is in it.
exec 3>&1 >&2
. "$(dirname "$0")/../it/testing.sh"
runs=${BENCH_RUNS:-5}
moment=${moment:?made by tests/bench/run}
bytes=$((20 << 20))
export CONTAINERD_ADDRESS=/run/containerd/containerd.sock

timed() { inside "$moment" --exit /bin/sh -c "$1"; } # milliseconds

exec_output() { # RUNTIME NAME
	timed "[ \$('$containerd_bin/ctr' task exec --exec-id o$2 at-$1 dd if=/dev/zero bs=64k count=320 2>/dev/null | wc -c) = $bytes ]"
}

exec_input() { # RUNTIME NAME
	timed "exec '$containerd_bin/ctr' task exec --exec-id i$2 at-$1 dd of=/dev/null bs=64k <'$work/input' 2>/dev/null"
}

log() { # RUNTIME NAME
	local began ended
	exec 4< <(ctr run --rm --runtime "io.containerd.$1.v2" "$image" "log$2-$1" \
		sh -c 'echo; exec dd if=/dev/zero bs=64k count=320 2>/dev/null')
	read -r _ <&4
	began=$(date +%s%N)
	[ "$(head -c $bytes <&4 | wc -c)" = $bytes ]
	ended=$(date +%s%N)
	cat <&4 # until it is removed
	exec 4<&-
	awk -v ns=$((ended - began)) 'BEGIN { printf "%.1f\n", ns / 1e6 }'
}

volume_write() { # RUNTIME NAME
	timed "exec '$containerd_bin/ctr' task exec --exec-id v$2 at-$1 dd if=/dev/zero of=/v/f$2 bs=1M count=20 conv=fsync 2>/dev/null"
}

mkdir "$work/volume"
dd if=/dev/zero of="$work/input" bs=1M count=20 2>/dev/null
for runtime in kata runc; do
	ctr run -d --mount "type=bind,src=$work/volume,dst=/v,options=rbind:rw" --runtime "io.containerd.$runtime.v2" \
		"$image" "at-$runtime" sleep 100000
done
for what in exec_output exec_input log volume_write; do
	declare -A lines=([kata]='' [runc]='')
	for ((i = -1; i < runs; i++)); do
		# In turn, so that both share how fast the machine is just now; the first of each does not count.
		for runtime in kata runc; do
			took=$("$what" "$runtime" "$((i + 1))")
			rm -f "$work/volume"/*
			[ "$i" = -1 ] || lines[$runtime]+=" $took"
		done
	done
	for runtime in kata runc; do
		echo "${what}_$runtime${lines[$runtime]}" >&3
	done
done
for runtime in kata runc; do
	ctr task kill -s KILL "at-$runtime"
done
passed
