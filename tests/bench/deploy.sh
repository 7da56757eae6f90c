#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# deploy.sh - kata-deploy at rest and when it has nothing to do.  Prints "name value value ...".
#
# The pod is deleted; the one that replaces it finds everything in place and says in its log how long it
# worked, what it wrote and whether it restarted the runtime.  The first of these runs does not count.
exec 3>&1 >&2
. "$(dirname "$0")/../cluster/testing.sh"
runs=${BENCH_RUNS:-5}
system=("$cluster" kubectl -n kata-system)

deploy_pod() { "${system[@]}" get pods -l app=kata-deploy --field-selector "spec.nodeName=$node" -o name; }

# Sets `result` to milliseconds, writes and restarts of the install that the pod's log tells of.
find_result() {
	result=$("${system[@]}" logs "$(deploy_pod)" |
		sed -nE 's/.* is installed in ([0-9]+) ms.*: [0-9]+ steps, ([0-9]+) writes, ([0-9]+) restarts.*/\1 \2 \3/p')
	[ -n "$result" ]
}

declare -A lines=([reinstall]='' [reinstall_writes]='' [reinstall_restarts]='')
for ((i = 0; i <= runs; i++)); do
	"${system[@]}" delete "$(deploy_pod)" >/dev/null
	eventually 60 "another kata-deploy to have installed" find_result
	[ "$i" -gt 0 ] || continue
	read -r took writes restarts <<<"$result"
	lines[reinstall]+=" $took"
	lines[reinstall_writes]+=" $writes"
	lines[reinstall_restarts]+=" $restarts"
done
for name in "${!lines[@]}"; do
	echo "$name${lines[$name]}" >&3
done
"${system[@]}" rollout status daemonset/kata-deploy --timeout=120s
pid=$(on_node pgrep -o -f '^/usr/bin/kata-deploy install')
rss=$(on_node awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$pid/status")
echo "deploy_rss $rss" >&3
passed
