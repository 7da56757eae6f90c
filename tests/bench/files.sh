#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# files.sh TABLE - small files in a pod, where they may lie, kata beside runc.  Prints "name value ...".
#
# files.c makes, looks at, reads and removes BENCH_FILES (5,000) files of two bytes in the image's root, in an emptyDir, in
# a hostPath and, as the guest's own measure, in an emptyDir in memory, and takes the time itself, because it is
# what a program in the container sees.  A value is the sum of the four; TABLE gets each of them.
exec 3>&1 >&2
. "$(dirname "$0")/../cluster/testing.sh"
runs=${BENCH_RUNS:-5}
count=${BENCH_FILES:-5000}
table=$1
folder=/var/lib/bench-$namespace

cleanup rm -rf "$node_root$folder"
mkdir -p "$node_root$folder"
musl-gcc -std=gnu17 -Os -static -s -o "$node_root$folder/files" "$top/tests/bench/files.c"

for class in kata runc; do
	pod "$class" "$class" <<-END
		containers:
		- name: c
		  image: "$image"
		  command: [sh, -c, "mkdir /root/f; exec sleep 100000"]
		  volumeMounts: [{name: empty, mountPath: /empty}, {name: host, mountPath: /host}, {name: memory, mountPath: /memory}]
		volumes:
		- {name: empty, emptyDir: {}}
		- {name: host, hostPath: {path: $folder}}
		- {name: memory, emptyDir: {medium: Memory}}
	END
	ready "$class" 120
done

declare -A lists=() totals=()
for ((i = -1; i < runs; i++)); do
	for place in root/f empty host memory; do
		for class in kata runc; do
			took=$(in_pod "$class" /host/files "/$place" "$count")
			[ "$i" -ge 0 ] || continue
			lists[$class $place]+="$took"$'\n'
			totals[$class $place]+=" $(awk '{ print $1 + $2 + $3 + $4 }' <<<"$took")"
		done
	done
done
median_of() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
{
	echo "| $count files, ms, median | create | stat | read | unlink |"
	echo "|---|---|---|---|---|"
	for place in root/f empty host memory; do
		for class in kata runc; do
			line="| ${place%/f}, $class |"
			for field in 1 2 3 4; do
				line+=" $(cut -d' ' -f$field <<<"${lists[$class $place]%$'\n'}" | median_of) |"
			done
			echo "$line"
			name=${place%/f}
			echo "files_${name}_$class${totals[$class $place]}" >&3
		done
	done
} >"$table"
passed
