#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pod.sh - from `kubectl create` to Running on the test cluster, kata beside runc.  Prints "name value ...".
#
# The time is what a client of the API server sees: one watch is open before the first pod is created, and
# the clock of a pod stops at the first object of its name whose phase is Running.
exec 3>&1 >&2
. "$(dirname "$0")/../cluster/testing.sh"
runs=${BENCH_RUNS:-5}

coproc watch {
	exec "$cluster" kubectl -n "$namespace" get pods --watch -o jsonpath='{.metadata.name} {.status.phase}{"\n"}' 2>/dev/null
}
# shellcheck disable=SC2154 # coproc sets watch_PID
cleanup kill "$watch_PID"

until_running() { # NAME
	local name phase
	while read -r -t 60 -u "${watch[0]}" name phase; do
		[ "$name $phase" != "$1 Running" ] || return 0
	done
	fail "pod $1 was not seen Running within 60 s"
}

# Sets `took` to milliseconds; a subshell could not read from the watch.
one_pod() { # CLASS NAME
	local began ended
	began=$(date +%s%N)
	pod "$2" "$1" <<-END
		containers:
		- {name: c, image: "$image", command: [sleep, "100000"]}
	END
	until_running "$2"
	ended=$(date +%s%N)
	k delete pod "$2" --grace-period=1 >/dev/null
	took=$(awk -v ns=$((ended - began)) 'BEGIN { printf "%.1f\n", ns / 1e6 }')
}

for class in kata runc; do
	line="pod_$class"
	one_pod "$class" "$class-warm-up"
	for ((i = 0; i < runs; i++)); do
		one_pod "$class" "$class-$i"
		line+=" $took"
	done
	echo "$line" >&3
done
passed
