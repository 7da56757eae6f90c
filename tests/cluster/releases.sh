#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# releases.sh - versions of kata-deploy to go between, and what ends an installation.  Sourced by tests
# of upgrades; what installing.sh says holds here, too.
# shellcheck source-path=SCRIPTDIR source=installing.sh
. "$(dirname "${BASH_SOURCE[0]}")/installing.sh"
# shellcheck source-path=SCRIPTDIR source=make-release.sh
. "$top/tests/cluster/make-release.sh"

deliver() { "$cluster" load "$name" "$1"; }

pod_of() { system get pods -l app=kata-deploy -o 'jsonpath={.items[0].metadata.name}'; }
versions() { find "$root/opt/kata/versions" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
use_version() { system set image daemonset/kata-deploy "kata-deploy=$image:$1" >/dev/null; }
rolled_out() {
	system rollout status daemonset/kata-deploy --timeout=240s >/dev/null || {
		says
		fail "the DaemonSet is not ready"
	}
}

# Where the pods of a test are.
pods_in=default
pods() { k -n "$pods_in" "$@"; }

# begin_pod NAME [RUNTIMECLASS] - a pod that runs in a VM.
begin_pod() {
	local pod=$1
	pods create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $pod}
		spec:
		  runtimeClassName: ${2:-kata}
		  terminationGracePeriodSeconds: 1
		  containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
	END
	pods wait --for=condition=Ready "pod/$pod" --timeout=120s >/dev/null || {
		pods describe pod "$pod"
		fail "pod $pod does not run"
	}
}

# What the installer says while it removes goes with its pod, unless somebody listens.
end_installation() {
	system logs -l app=kata-deploy -f --tail=40 >"$work/removal.log" 2>&1 &
	system delete daemonset kata-deploy --cascade=foreground --timeout=200s >/dev/null
	wait $! || true
}

expect_restored() {
	expect "what is left in /opt/kata" "" "$(ls -A "$root/opt/kata")"
	expect "what is left in /etc/kata-containers" "" "$(ls -A "$root/etc/kata-containers")"
	configuration >"$work/configuration-after"
	diff "$work/configuration-before" "$work/configuration-after" ||
		fail "the configuration of containerd is not what it was"
}

show() {
	on_node sh -c 'ps -ef | grep -E "[s]him-kata|[q]emu" | cut -c1-150; for f in /run/vc/sbs/*/state.json; do cut -c1-400 "$f"; echo; done' || true
	grep -E 'canary-' "$root/var/log/containerd.log" | tail -n 60 | cut -c1-300 || true
	echo "kata-deploy says:"
	says || true
	cat "$work/removal.log" 2>/dev/null || true
}
cleanup show

configuration >"$work/configuration-before"
extract_program "$dist/kata-deploy-image.tar"
