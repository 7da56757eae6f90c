#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# place: own
# variants: KILLS=4
# variants.full: KILLS=8
#
# An upgrade killed at many points, and one cut off with the node's power, converge; removals of
# everything at once and beside a running pod leave what they must and say so.
. "$(dirname "$0")/../releases.sh"

runs_version() {
	[ "$(system get pods -l app=kata-deploy -o 'jsonpath={.items[*].spec.containers[0].image} {.items[*].status.phase}')" = "$image:$1 Running" ]
}

# An upgrade back to what an earlier kill left untouched is over at once.
works_or_is_done() {
	on_node pgrep -f 'exe --report=3 apply' || system logs -l app=kata-deploy | grep -q 'is installed'
}

node_is_ready() { on_node ctr version && k wait --for=condition=Ready "node/$name" --timeout=1s; }
no_pods() { [ -z "$(system get pods -o name)" ]; }
no_sandboxes() {
	local left
	left=$(on_node ls -A /run/vc/sbs)
	echo "$left"
	[ -z "$left" ]
}

release 1.0.1 "$dist/kata"
release 1.0.3 "$dist/kata"
manifests 1.0.1 >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null
rolled_out

note "an upgrade that is killed converges"
number=1
hits=0
kills=${KILLS:-8}
all=(0.3 1 0.1 2.5 0.02 0.6 1.5 4)
for seconds in "${all[@]:0:kills}"; do
	number=$((4 - number))
	# So that it has to boot a sandbox once more.
	on_node rm -f /opt/kata/.proofs
	use_version "1.0.$number"
	eventually 90 "the pod of version 1.0.$number" runs_version "1.0.$number"
	# The child that does the work; its parent starts it again.
	eventually 30 "the installer to work" works_or_is_done
	# The moments are the point: they spread over the steps.
	sleep "$seconds"
	! on_node pkill -KILL -f 'exe --report=3 apply' || hits=$((hits + 1))
done
note "$hits of $kills kills met an installer at work"
[ $hits -ge $((kills / 2 - 1)) ] || fail "the moments do not meet the upgrade any more"
note "and so does one that is cut off with the node's power"
use_version 1.0.3
eventually 90 "the pod of version 1.0.3" runs_version 1.0.3
"$cluster" reboot "$name"
eventually 90 "the node to be Ready again" node_is_ready
use_version 1.0.1
rolled_out
is_current 1.0.1 || fail "the current version is $(current)"
expect "label" true "$(label)"
expect "journal" "" "$(find "$root/opt/kata" -maxdepth 1 -name journal)"
eventually 30 "no half a version" sh -c "! ls -d '$root'/opt/kata/versions/.new-* 2>/dev/null"
note "the version nobody uses goes with the next run, which restarts containerd where that was owed"
pid=$(containerd_pid)
on_node sh -c 'echo "do cri {\"files\":[]}" >/opt/kata/journal'
system delete pod "$(pod_of)" >/dev/null
rolled_out
[ "$(containerd_pid)" != "$pid" ] || fail "containerd was not restarted after an undo that may not have come to that"
kept() { on_node sh -c 'readlink /opt/kata/current; readlink /opt/kata/previous' | sed 's#.*/##' | sort -u | tr '\n' ' '; }
expect "versions: the current one, and the one before it if there was another" "$(kept)" "$(versions)"
eventually 60 "the canaries of killed installers to go" no_sandboxes

note "deleting all at once leaves nothing but the node's labels, and says so"
system logs -f -l app=kata-deploy >"$work/last-words" &
k delete -f "$work/all.yaml" --wait=false >/dev/null
eventually 60 "the pod to end" no_pods
eventually 10 "the pod's last words" grep -q 'its labels stay.*KataReady and KataUpgraded.*kubectl patch node' "$work/last-words"
expect_restored
no_classes() { [ -z "$(k get runtimeclass -o name)" ]; }
# Kubernetes looks at a namespace again after half of its pods' grace period, or when the namespace changes.
k label namespace kata-system look=again >/dev/null 2>&1 || true
eventually 30 "the RuntimeClasses to go with their namespace" no_classes

note "removing beside a running pod leaves it what it needs and says who it is"
k apply -f "$work/all.yaml" >/dev/null
rolled_out
begin_pod lasting
end_installation
has_event KataRemoveFailed "pod 'default/lasting'" || fail "there is no event KataRemoveFailed"
expect "label" "" "$(label)"
k exec lasting -- true || fail "the pod does not answer"
is_current 1.0.1 || fail "the current version is $(current)"
note "done"
