#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
# place: own
#
# With the coordinator a release reaches one node first, the canary. A broken one stops there: that node stays ready, the
# others are not begun, and the KataInstallation, its conditions and an Event say so. A good one reaches all, one after the
# other, though coordinators are killed meanwhile; two never act at once. A broken one is undone where the policy says so,
# and goes on where a person does. Without the resource nothing that runs is stopped.
. "$(dirname "$0")/../releases.sh"

others="d2 d3"
for node in $others; do
	"$cluster" up "$node:${CONTAINERD:-2}"
done
release 1.0.1 "$dist/kata"
mkdir "$work/bad"
cp -a "$dist/kata" "$work/bad/kata"
echo "not a kernel" >"$work/bad/kata/share/kata-containers/vmlinux.container"
release 1.0.2 "$work/bad/kata"
rm -rf "$work/bad"
release 1.0.3 "$dist/kata"
for node in $others; do
	for version in 1.0.1 1.0.2 1.0.3; do
		"$cluster" load "$node" "$work/$version/image.tar"
	done
done
k label node d3 katacontainers.io/canary=yes >/dev/null

field() { k get katainstallation default -o "jsonpath={$1}"; }
condition() { field ".status.conditions[?(@.type==\"$1\")].status"; }
is_field() { [[ $(field "$1") =~ $2 ]]; }
set_spec() { k patch katainstallation default --type merge -p "{\"spec\":$1}"; }
# versions_now - those that nodes have, in the order of their names.
versions_now() {
	local node
	for node in "$name" $others; do
		"$cluster" node "$node" readlink /opt/kata/current | sed 's#versions/\([^-]*\)-.*#\1#'
	done | tr '\n' ' '
}
# pods_now - names of the installer's pods, by node.
pods_now() {
	system get pods -l app=kata-deploy --sort-by=.spec.nodeName \
		-o 'jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name}{"\n"}{end}'
}
coordinators() { system get pods -l app=kata-deploy-coordinator "$@"; }
show_coordinators() {
	k get katainstallation -o yaml || true
	system get pods -o wide || true
	system logs -l app=kata-deploy-coordinator --prefix --tail=40 || true
}
cleanup show_coordinators

note "install, with a coordinator"
mkdir "$work/k"
ln -s "$top/manifests" "$work/k/manifests"
printf 'resources: [manifests/overlays/emulation]\ncomponents: [manifests/components/coordinator]\n' >"$work/k/kustomization.yaml"
k kustomize --load-restrictor LoadRestrictionsNone "$work/k" | sed "s#image: $image:.*#image: $image:1.0.1#" >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null 2>"$work/apply" || true
# The kind is there a moment after it was made.
eventually 30 "the custom resource to be taken" k apply -f "$work/all.yaml"
eventually 300 "all nodes" is_field .status.rollout '^complete$'
k wait --for=condition=Available --timeout=5s katainstallation/default >/dev/null
expect "nodes, ready, updated, failed" "3 3 3 0" \
	"$(field .status.nodes) $(field .status.ready) $(field .status.updated) $(field .status.failed)"
expect_match "printer columns" "CURRENT +DESIRED +NODES +READY +UPDATED +STALE +ROLL-OUT" "$(k get katainstallation)"
# What explains a kind comes after the kind.
is_explained() { [[ $(k explain katainstallation.spec.waves 2>/dev/null) == *"How many nodes have the new release when a wave is complete"* ]]; }
eventually 30 "the explanation" is_explained
set_spec '{"soakSeconds":1}' >/dev/null

note "what cannot be is refused with a sentence"
while IFS='|' read -r spec why; do
	expect_match "$spec" "$why" "$(set_spec "$spec" 2>&1 || true)"
done <<-'END'
	{"waves":["1"]}|the last wave is 100%
	{"waves":["50%","20%","100%"]}|each wave is larger than the one before
	{"waves":["10","2","100%"]}|each wave is larger than the one before
	{"waves":["0","100%"]}|a wave is a number of nodes, as 5, or a part of all, as 5%
	{"waves":["x","100%"]}|a wave is a number of nodes, as 5, or a part of all, as 5%
	{"windows":[{"start":"24:00","minutes":5}]}|a window begins at a time of the day, as 22:30
	{"onFailure":"Explode"}|supported values: "Pause", "Undo"
	{"withdrawn":["1.0.1 bad"]}|should match
	{"parallelism":0}|greater than or equal to 1
	{"soakSeconds":"long"}|must be of type integer
END

note "a version that is withdrawn makes its sandboxes stale within ten seconds, without a roll-out"
begin_pod advised
pods_now >"$work/pods"
is_advised() { kata stale --no-headers | grep -qE ' advised .* advisory: version 1\.0\.1-[0-9a-f]+ is withdrawn: CVE-2026-1'; }
is_fine() { [ -z "$(kata stale --no-headers)" ]; }
since=$SECONDS
set_spec '{"withdrawn":["1.0.1=CVE-2026-1"]}' >/dev/null
eventually 60 "the advisory" is_advised
[ $((SECONDS - since)) -le 10 ] || fail "the advisory came after $((SECONDS - since)) s"
set_spec '{"withdrawn":null}' >/dev/null
eventually 60 "it to be taken back" is_fine
pods_now | diff "$work/pods" - || fail "a node was begun for that"
pods delete pod advised --now >/dev/null

note "a broken release stops at one node"
pods_now >"$work/pods"
k get nodes -w -o 'jsonpath={.metadata.name} {.metadata.labels.katacontainers\.io/kata-runtime}{"\n"}' >"$work/labels" 2>&1 &
watcher=$!
cleanup sh -c "kill $watcher 2>/dev/null; true"
use_version 1.0.2
k wait --for=condition=Degraded --timeout=300s katainstallation/default >/dev/null
expect_match "how far it is" '^stopped at 1 nodes: d3: CanaryFailed$' "$(field .status.rollout)"
expect "Progressing" False "$(condition Progressing)"
expect "Available" True "$(condition Available)"
expect "updated" 1 "$(field .status.updated)"
expect "versions that are current" "1.0.1 1.0.1 1.0.1 " "$(versions_now)"
eventually 30 "the Event" has_event KataRolloutStopped "stopped at 1 nodes"
expect_status 1 kata rollout status

note "coordinators that are killed begin no further node"
system scale deployment/kata-deploy-coordinator --replicas=2 >/dev/null
coordinators -o name | xargs "$cluster" kubectl -n kata-system delete --grace-period=0 --force >/dev/null 2>&1
quiet_until=$((SECONDS + 25))
is_quiet() { [ $SECONDS -ge $quiet_until ] && [ "$(field .status.updated)" = 1 ]; }
eventually 60 "no node more" is_quiet
pods_now | diff <(grep -v d3 "$work/pods") - | grep -v d3 | grep '^[<>]' && fail "a node was begun that should not"
kill "$watcher"
wait "$watcher" || true
expect "labels meanwhile" true "$(cut -d' ' -f2 "$work/labels" | sort -u | tr '\n' ' ' | sed 's/ $//')"

note "undone, no other node notices"
kata rollout undo >/dev/null
eventually 240 "the version before" is_field .status.rollout '^complete$'
pods_now | diff <(grep -v d3 "$work/pods") - | grep -v d3 | grep '^[<>]' && fail "a node was begun for an undo"
expect "Degraded" False "$(condition Degraded)"

note "paused, nothing begins"
kata rollout pause >/dev/null
pods_now >"$work/pods"
use_version 1.0.3
eventually 30 "it to say so" is_field .status.rollout '^paused at 0 of 3 nodes$'
quiet_until=$((SECONDS + 15))
is_paused() { [ $SECONDS -ge $quiet_until ] && is_field .status.rollout '^paused at 0 of 3 nodes$'; }
eventually 40 "nothing to begin" is_paused
pods_now | diff "$work/pods" - || fail "a node was begun while it was paused"

note "resumed, it reaches one node after the other, and a killed coordinator loses nothing"
system get pods -l app=kata-deploy -w -o 'jsonpath={.spec.nodeName} {.metadata.name}{"\n"}' >"$work/seen" 2>&1 &
watcher=$!
cleanup sh -c "kill $watcher 2>/dev/null; true"
kata rollout resume >/dev/null
begun() { pods_now | diff "$work/pods" - >/dev/null && return 1 || return 0; }
eventually 60 "the first node" begun
holder=$(system get lease kata-deploy-coordinator -o 'jsonpath={.spec.holderIdentity}')
system logs "$holder" >"$work/first.log" || true
system delete pod "$holder" --grace-period=0 --force >/dev/null 2>&1
eventually 400 "all nodes" is_field .status.rollout '^complete$'
expect "versions that are current" "1.0.3 1.0.3 1.0.3 " "$(versions_now)"
kill "$watcher"
wait "$watcher" || true
expect "pods that each node had" "d1 2,d2 2,d3 2," \
	"$(grep '^d' "$work/seen" | sort -u | cut -d' ' -f1 | uniq -c | awk '{printf "%s %s,", $2, $1}')"
for pod in $(coordinators -o name); do
	system logs "$pod" >>"$work/later.log"
done
# Those before are of what was undone.
first=$(grep -oh "pod 'kata-deploy-[^']*' goes" "$work/first.log" "$work/later.log" | cut -d"'" -f2 |
	grep -xF -f <(cut -d' ' -f2 "$work/pods") | head -n1)
expect "the first node of all" d3 "$(grep " $first\$" "$work/pods" | cut -d' ' -f1)"
expect_match "who has the lease" "$(system get lease kata-deploy-coordinator -o 'jsonpath={.spec.holderIdentity}')" \
	"$(coordinators -o name | tr '\n' ' ')"

note "without the resource nothing stops, and nothing is done"
pods_now >"$work/pods"
k delete katainstallation default >/dev/null
use_version 1.0.2
quiet_until=$((SECONDS + 15))
is_still() { [ $SECONDS -ge $quiet_until ] && pods_now | diff "$work/pods" - >/dev/null; }
eventually 40 "no node to be begun" is_still
expect "installers that are ready" 3 "$(system get daemonset kata-deploy -o 'jsonpath={.status.numberReady}')"

note "where the policy says so a broken release is taken back"
sed 's/^spec: {}/spec: {onFailure: Undo, soakSeconds: 1}/' "$top/manifests/components/coordinator/installation.yaml" |
	k apply -f - >/dev/null
eventually 300 "it to be taken back" is_field .status.undone ':1\.0\.2$'
eventually 240 "the version before" is_field .status.rollout '^complete$'
expect "image" "$image:1.0.3" "$(system get daemonset kata-deploy -o 'jsonpath={.spec.template.spec.containers[0].image}')"
expect "versions that are current" "1.0.3 1.0.3 1.0.3 " "$(versions_now)"
expect "history" "Complete Failed" "$(field '.status.history[*].result')"
pods_now | diff <(grep -v d3 "$work/pods") - | grep -v d3 | grep '^[<>]' && fail "a node was begun that should not"
# As who ends between the two leaves it: taken back, and no status says so.
k patch katainstallation default --subresource=status --type merge \
	-p '{"status":{"undone":null,"undoneRevision":null,"history":null}}' >/dev/null
eventually 60 "it to be remembered" is_field .status.undone ':1\.0\.2$'
eventually 60 "the history" is_field '.status.history[*].result' 'Failed'

note "a person may go on past a failure"
set_spec '{"onFailure":"Pause"}' >/dev/null
use_version 1.0.2
eventually 300 "it to stop" is_field .status.rollout '^stopped at 1 nodes'
kata rollout resume >/dev/null
eventually 400 "all nodes" is_field .status.rollout '^complete, 3 nodes refused it$'
expect "Degraded" True "$(condition Degraded)"
expect "versions that are current" "1.0.3 1.0.3 1.0.3 " "$(versions_now)"
