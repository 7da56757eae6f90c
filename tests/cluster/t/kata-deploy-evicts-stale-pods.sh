#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# place: own
#
# With the stale policy Evict the coordinator ends pods whose sandboxes run a former release: one of a workload at a
# time, when its workload is whole and its budget allows it, none without a controller, none that does not want it; each
# is told by an Event.  Report and EvictMarked end none that they should not.  Outside the window nothing goes.
. "$(dirname "$0")/../releases.sh"
# shellcheck source-path=SCRIPTDIR/.. source=audit.sh
. "$top/tests/cluster/audit.sh"

pods_in=shop
field() { k get katainstallation default -o "jsonpath={$1}"; }
is_field() { [[ $(field "$1") =~ $2 ]]; }
set_spec() { k patch katainstallation default --type merge -p "{\"spec\":$1}" >/dev/null; }
uids_of() { pods get pods -l "app=$1" --sort-by=.metadata.uid -o 'jsonpath={.items[*].metadata.uid}'; }
running() { # APP COUNT
	[ "$(pods get pods -l "app=$1" -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].ready}{"\n"}{end}' |
		grep -c true)" = "$2" ]
}
stale_pods() { kata stale --no-headers | awk '{ print $2 }' | sed 's/-[a-z0-9]*$//' | sort | tr '\n' ' '; }
are_stale() { [ "$(stale_pods)" = "$1" ]; }
show_coordinator() {
	k get katainstallation -o yaml || true
	system logs -l app=kata-deploy-coordinator --tail=40 || true
	pods get pods -o wide || true
}
cleanup show_coordinator

# workload NAME REPLICAS [ANNOTATIONS]
workload() {
	pods create -f - >/dev/null <<-END
		apiVersion: apps/v1
		kind: ReplicaSet
		metadata: {name: $1}
		spec:
		  replicas: $2
		  selector: {matchLabels: {app: $1}}
		  template:
		    metadata: {labels: {app: $1}, annotations: {${3:-}}}
		    spec:
		      runtimeClassName: kata
		      terminationGracePeriodSeconds: 1
		      containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
	END
}

release 1.0.1 "$dist/kata"
release 1.0.2 "$dist/kata"

note "install, with a coordinator that may evict"
mkdir "$work/k"
ln -s "$top/manifests" "$work/k/manifests"
printf 'resources: [manifests/overlays/emulation]\ncomponents: [manifests/components/coordinator, manifests/components/eviction]\n' \
	>"$work/k/kustomization.yaml"
k kustomize --load-restrictor LoadRestrictionsNone "$work/k" | sed "s#image: $image:.*#image: $image:1.0.1#" >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null 2>"$work/apply" || true
eventually 30 "the custom resource to be taken" k apply -f "$work/all.yaml"
eventually 300 "the node" is_field .status.rollout '^complete$'
set_spec '{"soakSeconds":1}'
k create namespace "$pods_in" >/dev/null
workload cart 2
workload kept 1 'katacontainers.io/recycle: "false"'
workload bound 1
workload marked 1 'katacontainers.io/recycle: "true"'
begin_pod alone
pods create poddisruptionbudget bound --selector app=bound --min-available 1 >/dev/null
for app in "cart 2" "kept 1" "bound 1" "marked 1"; do
	# shellcheck disable=SC2086 # a name and a number
	eventually 200 "the pods of $app" running $app
done

note "an upgrade makes them stale; they are reported"
use_version 1.0.2
eventually 300 "the node" is_field .status.rollout '^complete$'
eventually 30 "the stale pods" are_stale "alone bound cart cart kept marked "
eventually 30 "their number in the status" is_field .status.stale '^6$'
before=$(for app in cart kept bound marked; do uids_of $app; done)
quiet_until=$((SECONDS + 15))
is_quiet() { [ $SECONDS -ge $quiet_until ]; }
eventually 40 "some looks" is_quiet
expect "pods, as they are only reported" "$before" "$(for app in cart kept bound marked; do uids_of $app; done)"

note "those that ask for it go"
set_spec '{"stale":{"policy":"EvictMarked"}}'
eventually 120 "the marked pod to go" are_stale "alone bound cart cart kept "
eventually 60 "its Event" has_event KataPodEvicted "shop/marked-"
expect_match "those that did not ask" "$(uids_of cart)" "$before"

note "outside the window none goes"
hour=$(date -u -d '3 hours' +%H:00)
set_spec '{"stale":{"policy":"Evict"},"windows":[{"start":"'"$hour"'","minutes":30}]}'
before=$(uids_of cart)
quiet_until=$((SECONDS + 15))
eventually 40 "some looks" is_quiet
expect "pods of cart" "$before" "$(uids_of cart)"

note "in it all go that may, one of a workload at a time"
pods get pods -l app=cart -w -o 'jsonpath={.metadata.uid} {.metadata.deletionTimestamp} {.status.conditions[?(@.type=="Ready")].status}{"\n"}' \
	>"$work/cart" 2>&1 &
watcher=$!
cleanup sh -c "kill $watcher 2>/dev/null; true"
set_spec '{"windows":null,"stale":{"policy":"Evict","atOnce":5}}'
eventually 240 "the pods of cart to go" are_stale "alone bound kept "
eventually 120 "new pods of cart" running cart 2
kill "$watcher"
wait "$watcher" || true
# One is not ready, or goes, at any time; two would be a workload that is away.
awk -v old="$before" '
	BEGIN { n = split(old, uids, " "); for (i = 1; i <= n; i++) up[uids[i]] = 1 }
	{ if ($2 == "True") up[$1] = 1; else delete up[$1]
	  n = 0; for (uid in up) n++
	  if (n < 1) { print "line " NR ": none is ready"; exit 1 } }' "$work/cart" ||
	fail "cart was away: $(cat "$work/cart")"

note "a budget is waited for"
before=$(uids_of bound)
quiet_until=$((SECONDS + 15))
eventually 40 "some looks" is_quiet
expect "the pod of bound" "$before" "$(uids_of bound)"
pods delete poddisruptionbudget bound >/dev/null
# Who was refused is asked for again after five minutes.
eventually 480 "it to go" are_stale "alone kept "
k wait --for=condition=Available --timeout=60s katainstallation/default >/dev/null
expect "requests that were refused" "" "$(refused_requests)"
note "done"
