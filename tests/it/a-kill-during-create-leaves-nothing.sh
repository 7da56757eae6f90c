#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The task is killed at twelve moments between the begin of its creation and its running: each time
# the engine's calls end, and nothing of it is left.
. "$(dirname "$0")/testing.sh"

for moment in 0 1 2 3 4 6 8 10 12 15 20 30; do
	box=box$$-$moment
	ctr run -d --runtime "$runtime" "$image" "$box" sleep 1000 >"$work/run.log" 2>&1 &
	run=$!
	# The moments are the point of this test: they spread over the creation.
	sleep "$((moment / 10)).$((moment % 10))"
	timeout 60 nsenter -t "$init" -m -p "$containerd_bin/ctr" --address /run/containerd/containerd.sock \
		tasks kill --signal KILL "$box" >/dev/null 2>&1 || true
	wait "$run" || true
	ctr tasks delete --force "$box" >/dev/null 2>&1 || true
	ctr containers delete "$box" >/dev/null 2>&1 || true
	eventually 30 "everything of $box to go" nothing_left "$box"
done
passed
