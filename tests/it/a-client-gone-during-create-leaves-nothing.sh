#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=1 CONTAINERD=2
#
# The client of a creation is killed at eight moments. containerd then deletes the task while it is
# being created, and asks only once: afterwards no process, mount, file or cgroup of it is there.
. "$(dirname "$0")/testing.sh"

for moment in 1 2 3 4 6 8 11 15; do
	box=gone$$-$moment
	inside "$containerd_bin/ctr" --address /run/containerd/containerd.sock run -d --runtime "$runtime" \
		"$image" "$box" sleep 1000 >"$work/run.log" 2>&1 &
	client=$!
	sleep "$((moment / 10)).$((moment % 10))"
	# nsenter forks for the pid namespace: the client is its child.
	pkill -KILL -P "$client" || true
	wait "$client" || true
	# One that was quicker than the kill runs, and is ended as usual.
	ctr tasks delete --force "$box" >/dev/null 2>&1 || true
	ctr containers delete "$box" >/dev/null 2>&1 || true
	eventually 30 "everything of $box to go" nothing_left "$box"
done
passed
