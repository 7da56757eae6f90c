#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# audit.sh - what the accounts of kata-deploy's namespace asked of the API server, from its audit log.  Sourced by
# tests that have a `k`.  The log is that of the cluster's whole life, so a test ends with these.
# shellcheck disable=SC2154 # top comes from lib.sh

audit_log=${KATA_CLUSTER_DIR:-/var/lib/kata-cluster}/$KATA_CLUSTER/log/audit.log

# refused_requests - a line for each kind of request that was refused.
refused_requests() {
	jq -r 'select(.responseStatus.code | . == 401 or . == 403 or . == 422) |
		"\(.user.username) \(.verb) \(.objectRef.resource) \(.objectRef.namespace // "-")/\(.objectRef.name // "-"): "
		+ (.responseStatus.message // "-")' "$audit_log" | sort | uniq -c
}

# unused_rights ACCOUNT - a line for each right of it that no request needed.
unused_rights() {
	k get clusterroles,roles,clusterrolebindings,rolebindings -A -o json |
		jq -r --arg account "$1" --arg namespace kata-system --slurpfile log "$audit_log" \
			-f "$top/tests/cluster/audit.jq" | sed 's/ *$//' | sort
}
