#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# place: own
#
# kubectl-kata where there is something to do: stale pods go one after the other, with respect for a budget, a wish and
# what nobody would make anew; a node goes back, all go back, and once is enough; a roll-out is undone; and what is left
# of an installation whose roles went first is taken away.  The API server refuses nothing meanwhile.
. "$(dirname "$0")/../releases.sh"
# shellcheck source-path=SCRIPTDIR/.. source=kubectl.sh
. "$top/tests/cluster/kubectl.sh"
# shellcheck source-path=SCRIPTDIR/.. source=audit.sh
. "$top/tests/cluster/audit.sh"

pods_in=shop
row() { awk -v pod="$1" '$2 ~ "^"pod { $1 = $2 = $3 = ""; print substr($0, 4) }' "$2"; }
pod_named() { pods get pods -l "app=$1" -o 'jsonpath={.items[0].metadata.name}'; }
running() { [ "$(pods get pods -l "app=$1" -o 'jsonpath={.items[*].status.containerStatuses[0].ready}')" = true ]; }
condition() { k get node "$name" -o "jsonpath={.status.conditions[?(@.type==\"$1\")].$2}"; }

# told STATUS COMMAND... - what it says is in $work/said, and shown.
told() {
	local wanted=$1 got=0
	shift
	"$@" >"$work/said" 2>&1 || got=$?
	echo "\$ $*"
	cat "$work/said"
	[ "$got" = "$wanted" ] || fail "'$*': wanted exit status $wanted, got $got"
}

# workload NAME [ANNOTATIONS] - one pod in a VM, with a controller that makes it anew.
workload() {
	pods create -f - >/dev/null <<-END
		apiVersion: apps/v1
		kind: ReplicaSet
		metadata: {name: $1}
		spec:
		  selector: {matchLabels: {app: $1}}
		  template:
		    metadata: {labels: {app: $1}, annotations: {${2:-}}}
		    spec:
		      runtimeClassName: kata
		      terminationGracePeriodSeconds: 1
		      containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
	END
}

release 1.0.1 "$dist/kata"
release 1.0.2 "$dist/kata"

note "install, and pods that run in VMs"
manifests 1.0.1 >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null
rolled_out
k create namespace "$pods_in" >/dev/null
workload cart
workload kept 'katacontainers.io/recycle: "false"'
begin_pod alone
pods create poddisruptionbudget cart --selector app=cart --min-available 1 >/dev/null
for app in cart kept; do
	eventually 120 "the pod of $app" running $app
done

note "an upgrade makes them stale"
use_version 1.0.2
rolled_out
pid=$(containerd_pid)
all_stale() { [ "$(kata stale --no-headers | grep -c '  version: the node has 1\.0\.2-')" = 3 ]; }
eventually 30 "three stale pods" all_stale
told 0 kata stale
told 0 kata status

note "what would be recycled"
told 0 kata recycle --dry-run
cart=$(pod_named cart)
expect_match "cart" '^would go version' "$(row cart "$work/said")"
expect_match "kept" '^stays its annotation katacontainers.io/recycle says so' "$(row kept "$work/said")"
expect_match "alone" '^stays it has no controller' "$(row alone "$work/said")"
expect "cart" "$cart" "$(pod_named cart)"

note "a budget is not overrun"
told 3 kata recycle --no-headers -n shop -l app=cart --request-timeout 10s
expect_match "cart" "^refused .*disruption budget" "$(row cart "$work/said")"
expect "cart" "$cart" "$(pod_named cart)"

note "it is waited for"
kata recycle --no-headers -n shop -l app=cart >"$work/recycled" &
recycling=$!
sleep 3
expect "cart" "$cart" "$(pod_named cart)"
pods delete poddisruptionbudget cart >/dev/null
wait $recycling || fail "it was not recycled: $(cat "$work/recycled")"
expect "pods that were looked at" 1 "$(wc -l <"$work/recycled")"
expect_match "cart" '^evicted version' "$(row cart "$work/recycled")"
eventually 120 "the new pod of cart" running cart
[ "$(pod_named cart)" != "$cart" ] || fail "the pod is the old one"
two_stale() { [ "$(kata stale -o name | sort | tr '\n' ' ')" = "pod/alone pod/$(pod_named kept) " ]; }
eventually 30 "two stale pods to be left" two_stale

note "a node would go back, and does; no pod notices"
told 0 kata rollback "$name" --dry-run
expect_match "what would be" "$name +1\.0\.2-[0-9a-f]{12} +would go back" "$(cat "$work/said")"
is_current 1.0.2 || fail "the current version is $(current)"
told 0 kata rollback "$name"
expect_match "what was done" "$name +1\.0\.2-[0-9a-f]{12} +went back +.*1\.0\.1-" "$(cat "$work/said")"
is_current 1.0.1 || fail "the current version is $(current)"
expect "label" true "$(label)"
expect "reason of KataUpgraded" RolledBack "$(condition KataUpgraded reason)"
told 0 kata nodes
expect_match "the node" "RolledBack" "$(cat "$work/said")"

note "all go back: the one that did so stays"
told 0 kata rollback --all
expect_match "what was done" "$name +1\.0\.1-[0-9a-f]{12} +stays +.*RolledBack" "$(cat "$work/said")"
is_current 1.0.1 || fail "the current version is $(current)"

note "the node by its name goes forward again, and with all the others back"
told 0 kata rollback "$name"
is_current 1.0.2 || fail "the current version is $(current)"
goes_on() { [ "$(condition KataUpgraded status)" = True ]; }
eventually 60 "the node to be upgraded" goes_on
told 0 kata rollback --all
expect_match "what was done" "$name +1\.0\.2-[0-9a-f]{12} +went back" "$(cat "$work/said")"
told 1 kata rollout status
expect_match "the roll-out" "stopped at 1 nodes: $name: RolledBack" "$(cat "$work/said")"

note "the roll-out is undone"
system rollout undo daemonset/kata-deploy >/dev/null
told 0 kata rollout status
is_current 1.0.1 || fail "the current version is $(current)"
expect "KataUpgraded" True "$(condition KataUpgraded status)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
pods exec alone -- true || fail "the pod does not answer after all that"
expect "requests that were refused" "" "$(refused_requests)"

note "the roles go first"
told 0 kata cleanup --dry-run --no-headers
expect "what a cleanup would take of what is there" "" "$(cat "$work/said")"
k delete namespace "$pods_in" >/dev/null
k delete clusterrolebinding kata-deploy >/dev/null
k -n default delete rolebinding kata-deploy >/dev/null
system delete rolebinding kata-deploy >/dev/null
end_installation
expect_restored
told 1 kata cleanup --dry-run
expect_match "what is left" "label katacontainers.io/kata-runtime" "$(cat "$work/said")"
expect_match "what is left" "condition KataReady" "$(cat "$work/said")"
expect_match "what is left" "RuntimeClass +kata-qemu" "$(cat "$work/said")"
expect "label" true "$(label)"
told 0 kata cleanup
expect "label" "" "$(label)"
expect "conditions" "" "$(condition KataReady type)$(condition KataUpgraded type)"
expect "classes" "" "$(k get runtimeclass -o name)"
told 0 kata cleanup --dry-run --no-headers
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
