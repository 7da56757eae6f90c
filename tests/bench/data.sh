#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# data.sh - 20 MiB out of a container by exec and into a volume, kata beside runc.  Prints "name value ...".
#
# The test's own containerd (tests/it/testing.sh); the time is that of `ctr task exec` from its start to its
# end, with all of the output received, or all of the file on the host's disk (fsync).
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

volume_write() { # RUNTIME NAME
	timed "exec '$containerd_bin/ctr' task exec --exec-id v$2 at-$1 dd if=/dev/zero of=/v/f$2 bs=1M count=20 conv=fsync 2>/dev/null"
}

mkdir "$work/volume"
for runtime in kata runc; do
	ctr run -d --mount "type=bind,src=$work/volume,dst=/v,options=rbind:rw" --runtime "io.containerd.$runtime.v2" \
		"$image" "at-$runtime" sleep 100000
done
for what in exec_output volume_write; do
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
