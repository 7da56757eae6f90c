#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The token of the installer's pod, asked of a real API server: it labels its own node, with its own labels, and keeps its
# own RuntimeClasses. Another node, another label, somebody else's RuntimeClass are refused with a sentence. Nodes are
# objects only: what decides is the API server.
# place: own
# timeout: 300
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR/../.. source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib.sh"

export KATA_CLUSTER=token-$$
cluster=$top/tests/cluster/cluster
require_root
require jq
cleanup "$cluster" down
"$cluster" up

k() { "$cluster" kubectl "$@"; }
k apply -k "$top/manifests/base" >/dev/null
k apply -f - >/dev/null <<-'END'
	{ apiVersion: v1, kind: Node, metadata: { name: n1, labels: { zone: a } }, spec: { taints: [ { key: busy, effect: NoExecute } ] } }
	---
	{ apiVersion: v1, kind: Node, metadata: { name: n2 } }
	---
	{ apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: { name: gvisor }, handler: runsc }
	---
	{ apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: { name: kata, labels: { app.kubernetes.io/managed-by: Helm } }, handler: kata-qemu }
	---
	apiVersion: v1
	kind: Pod
	metadata: { name: installer, namespace: kata-system }
	spec:
	  nodeName: n1
	  serviceAccountName: kata-deploy
	  containers: [ { name: x, image: x } ]
	  tolerations: [ { operator: Exists } ]
END
uid=$(k -n kata-system get pod installer -o 'jsonpath={.metadata.uid}')
token=$(k -n kata-system create token kata-deploy --bound-object-kind Pod --bound-object-name installer \
	--bound-object-uid "$uid")
as_pod=$(mktemp)
cleanup rm -f "$as_pod"
k config view --raw --minify -o json | sed 's/"client-[a-z-]*": "[^"]*",\?//' >"$as_pod"
k --kubeconfig "$as_pod" config set-credentials pod --token "$token" >/dev/null
k --kubeconfig "$as_pod" config set-context --current --user pod >/dev/null
pod() { k --kubeconfig "$as_pod" "$@"; }

# asked COMMAND... - of kubectl, or a function of this file.
asked() {
	case $1 in event) "$@" ;; *) pod "$@" ;; esac
}
allowed() { # COMMAND...
	asked "$@" >/dev/null 2>"$as_pod.err" || fail "not allowed: $*: $(cat "$as_pod.err")"
}
# refused REGEX COMMAND...
refused() {
	local regex=$1
	shift
	! asked "$@" >/dev/null 2>"$as_pod.err" || fail "allowed: $*"
	expect_match "$*" "$regex" "$(cat "$as_pod.err")"
}
cleanup rm -f "$as_pod.err"

# event NAME CHANGE... - as the installer makes them, with some members changed.
event() {
	local change text='{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"namespace":"default"},"type":"Normal",
		"eventTime":"2026-11-29T12:00:00.000000Z","action":"Install","reason":"R","note":"n","reportingInstance":"n1",
		"reportingController":"katacontainers.io/kata-deploy","regarding":{"apiVersion":"v1","kind":"Node","name":"n1"}}'
	text=$(jq --arg name "$1" '.metadata.name = $name' <<<"$text")
	shift
	for change; do
		text=$(jq --arg value "${change#*=}" ".${change%%=*} = \$value" <<<"$text")
	done
	echo "$text" >"$as_pod.event"
	pod create -f "$as_pod.event"
}
cleanup rm -f "$as_pod.event"

class() { # NAME HANDLER
	echo "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: $1, labels: {app.kubernetes.io/managed-by: kata-deploy}}, handler: $2}" >"$as_pod.class"
}
cleanup rm -f "$as_pod.class"

# A policy is in force some moments after it was made.
in_force() {
	! pod label --overwrite node n2 "katacontainers.io/try=$RANDOM" >/dev/null 2>&1 &&
		! event "try.$RANDOM" reportingInstance=n2 >/dev/null 2>&1 &&
		! k create --dry-run=server -f "$as_pod.class" --as system:serviceaccount:x:kata-deploy --as-group system:masters \
			>/dev/null 2>&1
}
class mine runc
eventually 60 "the policies to be in force" in_force

note "nodes"
allowed label node n1 katacontainers.io/kata-runtime=true kata-deploy.katacontainers.io/default=true
allowed annotate node n1 kata-deploy.katacontainers.io/default=proof
allowed label node n1 kata-deploy.katacontainers.io/default-
refused 'not n2' annotate node n2 kata-deploy.katacontainers.io/default=proof
refused 'labels of katacontainers.io, and no others' label node n1 node-role.kubernetes.io/control-plane=
refused 'labels of katacontainers.io, and no others' label --overwrite node n1 zone=b
refused 'labels of katacontainers.io, and no others' label node n1 zone-
refused 'labels of katacontainers.io, and no others' label node n1 evilkatacontainers.io/x=y
refused 'annotations of katacontainers.io' annotate node n1 volumes.kubernetes.io/controller-managed-attach-detach=false
refused 'spec of a node' patch node n1 -p '{"spec":{"unschedulable":true}}'
refused 'spec of a node' taint node n1 busy-
refused 'finalizers' patch node n1 -p '{"metadata":{"finalizers":["a.b/c"]}}'
refused 'forbidden' delete node n2

note "the status of nodes"
# kubectl reads before it writes, which the installer does not.
k create clusterrole kubectl --verb get --resource nodes/status >/dev/null
k create clusterrolebinding kubectl --clusterrole kubectl --serviceaccount kata-system:kata-deploy >/dev/null
condition() { echo "{\"status\":{\"conditions\":[{\"type\":\"$1\",\"status\":\"False\",\"reason\":\"R\",\"message\":\"m\"}]}}"; }
allowed patch node n1 --subresource status -p "$(condition KataReady)"
refused 'conditions whose names begin with Kata' patch node n1 --subresource status -p "$(condition Ready)"
refused 'not n2' patch node n2 --subresource status -p "$(condition KataReady)"
refused 'resources or addresses' patch node n1 --subresource status -p '{"status":{"capacity":{"cpu":"100"}}}'

note "Events"
# Another one's, to be written over.
k create -f - >/dev/null <<-'END'
	{ apiVersion: events.k8s.io/v1, kind: Event, metadata: { name: n2.1, namespace: default }, type: Normal,
	  eventTime: "2026-11-29T12:00:00.000000Z", action: Install, reason: R, note: told, reportingInstance: n2,
	  reportingController: katacontainers.io/kata-deploy, regarding: { apiVersion: v1, kind: Node, name: n2 } }
END
allowed event n1.1
allowed event p.1 metadata.namespace=kube-system regarding.kind=Pod regarding.name=p regarding.namespace=kube-system
count='{"series":{"count":2,"lastObservedTime":"2026-11-29T12:00:01.000000Z"}}'
allowed patch events.events.k8s.io n1.1 -p "$count"
refused 'on no other' patch events.events.k8s.io n2.1 -p "$count"
refused 'on no other' event n2.2 reportingInstance=n2 regarding.name=n2
refused 'about its own node' event n1.2 regarding.name=n2
refused 'about its own node' event n1.3 regarding.kind=Secret
refused "nobody else's" event n1.4 reportingController=kubelet
refused "forbidden" delete events.events.k8s.io n1.1

note "RuntimeClasses"
server_side=(apply --server-side --force-conflicts --field-manager kata-deploy -f "$as_pod.class")
class kata-qemu kata-qemu
allowed "${server_side[@]}"
allowed delete --wait=false runtimeclass kata-qemu
class kata-qemu runc
refused 'handler called kata-' "${server_side[@]}"
class mine kata-qemu
refused 'not mine' create -f "$as_pod.class"
refused 'forbidden' delete runtimeclass gvisor
refused 'forbidden' label runtimeclass gvisor app.kubernetes.io/managed-by=kata-deploy
refused "somebody else's" delete runtimeclass kata
note "upstream's have the labels of ours, and the name of their release"
k label --overwrite runtimeclass kata app.kubernetes.io/managed-by=kata-deploy kata-deploy/instance=default >/dev/null
k annotate runtimeclass kata meta.helm.sh/release-name=upstream >/dev/null
refused "somebody else's" delete runtimeclass kata
class kata kata-qemu
refused 'adopt=true' "${server_side[@]}"
k annotate runtimeclass kata kata-deploy.katacontainers.io/adopt=true >/dev/null
allowed "${server_side[@]}"
note "an adopted one is handed back; one that was never given keeps our name"
allowed label --overwrite runtimeclass kata app.kubernetes.io/managed-by=Helm
class kata-qemu kata-qemu
allowed "${server_side[@]}"
refused 'may be adopted' label --overwrite runtimeclass kata-qemu app.kubernetes.io/managed-by=Helm
note "one of another installation stays that installation's"
k label runtimeclass kata-qemu kata-deploy/instance=blue >/dev/null
refused 'of another installation' "${server_side[@]}"
refused 'of another installation' delete runtimeclass kata-qemu
refused 'of another installation' label --overwrite runtimeclass kata-qemu kata-deploy/instance=default
k --as system:serviceaccount:kata-system:kata-deploy-blue --as-group system:masters \
	delete --dry-run=server runtimeclass kata-qemu >/dev/null || fail "it is not that installation's own"
expect "the handler of gvisor" runsc "$(k get runtimeclass gvisor -o 'jsonpath={.handler}')"
