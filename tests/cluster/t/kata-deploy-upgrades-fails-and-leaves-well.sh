#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# place: own
#
# The life of an installation on a node of its own: installed, installed again for nothing, and beside
# a running pod a version that does not boot, taken back without a restart, and an upgrade; at last a
# removal right after the pod's.
. "$(dirname "$0")/../releases.sh"
# shellcheck source-path=SCRIPTDIR/.. source=audit.sh
. "$top/tests/cluster/audit.sh"

pods_in=shop
k create namespace "$pods_in" >/dev/null
release 1.0.1 "$dist/kata"
mkdir "$work/bad"
cp -a "$dist/kata" "$work/bad/kata"
echo "not a kernel" >"$work/bad/kata/share/kata-containers/vmlinux.container"
release 1.0.2 "$work/bad/kata"
rm -rf "$work/bad"
release 1.0.3 "$dist/kata"

class() { # NAME HANDLER
	k create -f - >/dev/null <<-END
		apiVersion: node.k8s.io/v1
		kind: RuntimeClass
		metadata: {name: $1, labels: {app.kubernetes.io/managed-by: Helm, other: word}, annotations: {note: "a \"b\""}}
		handler: $2
		overhead: {podFixed: {memory: 1Mi}}
	END
}
give() { k annotate --overwrite runtimeclass "$1" "kata-deploy.katacontainers.io/adopt=$2" >/dev/null; }
# Without what the API server adds.
bare() { k get runtimeclass "$1" -o yaml | grep -vE '^  (uid|resourceVersion|creationTimestamp|generation):'; }

if [ ! -e /sys/module/kvm_intel ] && [ ! -e /sys/module/kvm_amd ]; then
	note "a node without KVM is not suitable, and its pod ready"
	k kustomize "$top/manifests" | sed "s#image: $image:.*#image: $image:1.0.1#" >"$work/kvm.yaml"
	k apply -f "$work/kvm.yaml" >/dev/null
	rolled_out
	expect "nodes that are told apart" "node/$name" \
		"$(k get nodes -l kata-deploy.katacontainers.io/default=unsuitable -o name)"
	expect "reason of the condition" NoVirtualization \
		"$(k get node "$name" -o 'jsonpath={.status.conditions[?(@.type=="KataReady")].reason}')"
	expect "versions" "" "$(ls "$root/opt/kata/versions" 2>/dev/null || true)"
fi

note "RuntimeClasses of somebody else refuse an installation by name"
class kata kata-old
class kata-qemu kata-qemu
manifests 1.0.1 >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null
# A pod that is there already would see the new configuration some minutes later.
system delete pod -l app=kata-deploy >/dev/null
eventually 60 "the refusal" has_event KataInstallFailed "'kata-qemu' is somebody else's .Helm.*adopt=true"
expect "versions" "" "$(ls "$root/opt/kata/versions" 2>/dev/null || true)"
give kata-qemu true
bare kata-qemu >"$work/kata-qemu"
give kata true
uid=$(k get runtimeclass kata-qemu -o 'jsonpath={.metadata.uid}')
system delete pod "$(pod_of)" >/dev/null
eventually 60 "the handler to be told" has_event KataInstallFailed "'kata' has the handler 'kata-old'"
bare kata | sed 's#/adopt: "true"#/adopt: replace#' >"$work/kata"
give kata replace

note "install"
rolled_out
expect "uid of the class that is changed in place" "$uid" "$(k get runtimeclass kata-qemu -o 'jsonpath={.metadata.uid}')"
expect "manager of RuntimeClass kata-qemu" kata-deploy \
	"$(k get runtimeclass kata-qemu -o 'jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}')"
expect "label" true "$(label)"
is_current 1.0.1 || fail "the current version is $(current)"
expect "handler of RuntimeClass kata" kata-qemu "$(k get runtimeclass kata -o 'jsonpath={.handler}')"
has_event KataInstalled 1.0.1 || fail "there is no event KataInstalled"

note "install again: nothing is written, nothing restarted"
pid=$(containerd_pid)
touch "$work/before"
system delete pod "$(pod_of)" >/dev/null
rolled_out
expect_match "what the second run did" 'nothing to do' "$(system logs "$(pod_of)")"
expect "pid of containerd" "$pid" "$(containerd_pid)"
resident=$(on_node sh -c 'sed -n "s/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p" /proc/$(pgrep -o -f "^/usr/bin/kata-deploy install")/status')
note "kata-deploy at rest: $resident KiB"
[ "$resident" -lt 4096 ] || fail "kata-deploy at rest has $resident KiB"
expect "files written" "" "$(find "$root/opt/kata" "$root/etc" -newer "$work/before" -type f ! -name mtab)"

condition() { k get node "$name" -o "jsonpath={.status.conditions[?(@.type==\"$1\")].$2}"; }

note "a version that does not boot leaves no mark: the node stays ready on its old one, its pod does not get ready"
configuration >"$work/configuration"
k get node "$name" -w -o 'jsonpath={.metadata.labels.katacontainers\.io/kata-runtime}{"\n"}' >"$work/labels" 2>&1 &
watcher=$!
cleanup sh -c "kill $watcher 2>/dev/null; true"
use_version 1.0.2
eventually 300 "the failure to be told" has_event KataInstallFailed "boot a sandbox: .*stays ready with version '1.0.1-"
says_why() { [ "$(condition KataUpgraded reason)" = "$1" ]; }
eventually 30 "the condition to say so" says_why CanaryFailed
expect "KataUpgraded" False "$(condition KataUpgraded status)"
expect "KataReady" True "$(condition KataReady status)"
expect "a pod of the broken version that is ready" false \
	"$(system get pods -l app=kata-deploy -o 'jsonpath={.items[0].status.containerStatuses[0].ready}')"
# While it is tried again and again.
begin_pod lasting
is_current 1.0.1 || fail "the current version is $(current)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
configuration | diff "$work/configuration" - || fail "the configuration of containerd is another one"
kill "$watcher"
wait "$watcher" || true
expect "labels meanwhile" true "$(sort -u "$work/labels")"

note "an upgrade beside it"
use_version 1.0.3
rolled_out
is_current 1.0.3 || fail "the current version is $(current)"
expect "KataUpgraded" True "$(condition KataUpgraded status)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
pods exec lasting -- true || fail "the pod does not answer after the upgrade"
expect_match "versions" '1\.0\.1-' "$(versions)"

note "the pod is stale, and everybody can see why"
stale_list() { k get --raw "/api/v1/namespaces/kata-system/pods/$(pod_of):8090/proxy/stale"; }
# stale_pod - "CAUSE: DETAIL" of pod lasting, a line each.
stale_pod() {
	stale_list | jq -r '.sandboxes[] | select(.namespace == "shop" and .name == "lasting").causes[] | "\(.cause): \(.detail)"'
}
is_stale_for() { [[ $(stale_pod) =~ $1 ]]; }
is_not_stale_for() { ! is_stale_for "$1"; }
counted() { k get node "$name" -o 'jsonpath={.metadata.annotations.katacontainers\.io/stale-sandboxes}'; }
is_counted() { [ "$(counted)" = "$1" ]; }
eventually 30 "the list to have the pod" is_stale_for '^version: the node has 1\.0\.3-'
expect_match "what the list says it runs" '^1\.0\.1-' "$(stale_list | jq -r '.sandboxes[0].runs')"
expect "current version of the list" "$(basename "$(current)")" "$(stale_list | jq -r .current)"
eventually 30 "the node to count it" is_counted 1
expect_match "Event of the pod" 'its sandbox is stale: version' \
	"$(pods get events --field-selector reason=KataSandboxStale,involvedObject.name=lasting -o 'jsonpath={.items[*].message}')"
expect_match "metrics" 'kata_deploy_stale_sandboxes\{cause="version"\} 1' \
	"$(k get --raw "/api/v1/namespaces/kata-system/pods/$(pod_of):8090/proxy/metrics")"
own=$root/etc/kata-containers/kata-qemu
printf '[hypervisor.qemu]\ndefault_memory = 300\n' >"$own/config.d/60-mine.toml"
eventually 30 "the changed key to be named" is_stale_for \
	'configuration: .*default_memory [0-9]+ -> 300 in /etc/kata-containers/kata-qemu/config.d/60-mine.toml'
echo '# only a comment' >"$own/config.d/60-mine.toml"
eventually 30 "a comment to be no change" is_not_stale_for configuration
rm "$own/config.d/60-mine.toml"

note "what somebody changes is seen at once, told and repaired"
launcher=$own/containerd-shim-kata-v2
cp -p "$launcher" "$work/launcher"
metric() { k get --raw "/api/v1/namespaces/kata-system/pods/$(pod_of):8090/proxy/metrics" | sed -n "s/^$1 //p"; }
is_metric() { [ "$(metric "$1")" = "$2" ]; }
rm "$launcher"
k label node "$name" katacontainers.io/kata-runtime- >/dev/null
eventually 30 "the file to be written again" cmp -s "$launcher" "$work/launcher"
eventually 120 "the repair to be told" has_event KataDriftRepaired 'containerd-shim-kata-v2'
expect "label" true "$(label)"
eventually 30 "the repair to be counted" is_metric 'kata_deploy_drift_total{result="repaired"}' 1
k label node "$name" katacontainers.io/kata-runtime- >/dev/null
eventually 120 "the label to come back" is_labelled true
on_node systemctl restart containerd
eventually 120 "the start of containerd to be told" has_event KataEngineStarted containerd
eventually 120 "the start to be counted" is_metric kata_deploy_engine_starts_total 1
pid=$(containerd_pid)
pods exec lasting -- true || fail "the pod does not answer after containerd was started anew"

note "going back on the node moves a link: no sandbox is booted, nothing restarted, no pod notices"
took() { sed -nE "s/.*version '$1-[^']*' is installed in ([0-9]+) ms.*/\1/p" "$2" | tail -n 1; }
go_back() { # VERSION
	local status=0
	system exec "$(pod_of)" -- kata-deploy rollback >"$work/back" 2>&1 || status=$?
	cat "$work/back"
	[ $status = 0 ] || fail "the way back to $1 ends with status $status"
	! grep -E 'boot a sandbox|run a sandbox|restarting' "$work/back" || fail "that is more than a link"
	is_current "$1" || fail "the current version is $(current)"
	expect "label" true "$(label)"
	note "back on $1 in $(took "$1" "$work/back") ms"
	[ "$(took "$1" "$work/back")" -lt 5000 ] || fail "this takes too long, whatever else runs here"
}
# What it is for a readiness probe shows half a minute later.
is_state() { [ "$(k get --raw "/api/v1/namespaces/kata-system/pods/$(pod_of):8090/proxy/healthz")" = "ok $1" ]; }
go_back 1.0.1
eventually 60 "the pod to know that its version was left" is_state held
expect "reason of KataUpgraded" RolledBack "$(condition KataUpgraded reason)"
expect "KataReady" True "$(condition KataReady status)"
has_event KataRolledBack 1.0.1 || fail "there is no event KataRolledBack"
go_back 1.0.3
eventually 60 "the pod to have its version again" is_state ready
expect "KataUpgraded" True "$(condition KataUpgraded status)"
expect_match "versions" '1\.0\.1-.*1\.0\.3-' "$(versions)"

note "and so does a roll-out that is undone"
use_version 1.0.1
rolled_out
is_current 1.0.1 || fail "the current version is $(current)"
says >"$work/undone"
! grep -E 'boot a sandbox|run a sandbox|restarting' "$work/undone" || fail "that is more than a link"
note "undone in $(took 1.0.1 "$work/undone") ms"
expect "pid of containerd" "$pid" "$(containerd_pid)"
pods exec lasting -- true || fail "the pod does not answer after the way back"

known() { on_node sh -c 'ctr -n k8s.io containers ls' | awk '$3 ~ /kata/' | grep -c .; }

# The kubelet collects once a minute, and that may be just now.
leave_rest() {
	local try
	for try in 1 2 3; do
		pods delete pod lasting >/dev/null
		[ "$(known || true)" = 0 ] || return 0
		note "the kubelet has collected at once (try $try)"
		begin_pod lasting
	done
	fail "a deleted pod leaves nothing in containerd"
}

note "removing waits for what a deleted pod left in containerd, and restores the node"
leave_rest
end_installation
expect "label" "" "$(label)"
expect_restored
for c in kata kata-qemu; do
	bare $c | diff "$work/$c" - || fail "RuntimeClass $c is not handed back as it was"
done
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"

note "the API server refused nothing, and each right was needed"
expect "requests that were refused" "" "$(refused_requests)"
# This class was somebody else's and is theirs again; where it is ours, it is deleted.
expect "rights that nothing needed" "delete runtimeclasses.node.k8s.io kata-qemu" "$(unused_rights kata-deploy)"
note "done"
