#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# deploy.sh - kata-deploy at rest and when it has nothing to do.  Prints "name value ...".
#
# The pod is deleted; the one that replaces it finds everything in place and says in its log how long it
# worked, what it wrote and whether it restarted the runtime.
exec 3>&1 >&2
. "$(dirname "$0")/../cluster/testing.sh"
system() { "$cluster" kubectl -n kata-system "$@"; }

deploy_pod() { system get pods -l app=kata-deploy --field-selector "spec.nodeName=$node" -o jsonpath='{.items[0].metadata.name}'; }

before=$(deploy_pod)
system delete pod "$before" --wait=true >/dev/null
eventually 60 "another kata-deploy pod" sh -c "system() { '$cluster' kubectl -n kata-system \"\$@\"; }; system get pods -l app=kata-deploy -o name | grep -qv '$before'"
system rollout status daemonset/kata-deploy --timeout=120s
system logs "$(deploy_pod)" | sed -n 's/.*installed in \([0-9]*\) ms.* \([0-9]*\) writes, \([0-9]*\) restarts.*/reinstall \1\nreinstall_writes \2\nreinstall_restarts \3/p' >&3
pid=$(on_node pgrep -o -f '^/usr/bin/kata-deploy install')
echo "deploy_rss $(($(on_node awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status") * 1024))" >&3
passed
