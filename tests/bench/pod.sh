#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pod.sh - from `create pod` to Running on the test cluster, kata beside runc.  Prints "name value ...".
#
# The time is what the API server saw: the watch is open before the pod is created, and the clock stops at
# the first object whose phase is Running.
exec 3>&1 >&2
. "$(dirname "$0")/../cluster/testing.sh"
runs=${BENCH_RUNS:-5}

until_running() { # NAME
	k get pod "$1" --watch -o jsonpath='{.status.phase}{"\n"}' | grep -m 1 -q Running
}

one_pod() { # CLASS NAME
	local began ended
	began=$(date +%s%N)
	pod "$2" "$1" <<-END
		containers:
		- {name: c, image: "$image", command: [sleep, "100000"]}
	END
	until_running "$2" || true
	ended=$(date +%s%N)
	k delete pod "$2" --grace-period=1 --wait=true >/dev/null
	awk -v ns=$((ended - began)) 'BEGIN { printf "%.1f\n", ns / 1e6 }'
}

for class in kata runc; do
	line="pod_$class"
	one_pod "$class" warm-up >/dev/null
	for ((i = 0; i < runs; i++)); do
		line+=" $(one_pod "$class" "$class-$i")"
	done
	echo "$line" >&3
done
passed
