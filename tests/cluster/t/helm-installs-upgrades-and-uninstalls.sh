#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
# place: own
#
# The chart on a node of its own: what it renders with everything switched on is taken by the API server; it is
# installed, upgraded beside a running pod and uninstalled, which waits until the node is clean and leaves nothing.
. "$(dirname "$0")/../releases.sh"

helm_program=$("$top/packaging/artefact" helm)/helm
chart=$top/charts/kata-deploy
namespace=(-n kata-system)
state=${KATA_CLUSTER_DIR:-/var/lib/kata-cluster}/$KATA_CLUSTER
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm

helm() {
	ip netns exec "kata-$KATA_CLUSTER" "$helm_program" --kubeconfig "$state/pki/admin.kubeconfig" "$@" \
		2> >(sed '/found symbolic link/d' >&2)
}

note "what is rendered is taken by the API server"
k create namespace kata-system >/dev/null
for options in "" "networkPolicy.enabled=true,priorityClass.create=true,allowEmulation=true,env.multiInstallSuffix=b" \
	"pool=slow,env.installationPrefix=/data,logLevel=debug,nodeFeatureRules.required=true"; do
	helm template kata "$chart" "${namespace[@]}" ${options:+--set "$options"} >"$work/rendered"
	k apply --dry-run=server -f "$work/rendered" >"$work/dry-run" || {
		cat "$work/rendered"
		fail "the API server refuses what is rendered with '$options'"
	}
done

note "install"
"$cluster" load "$name" "$dist/kata-deploy-image.tar" >/dev/null
helm install kata "$chart" "${namespace[@]}" --set allowEmulation=true --wait --timeout 10m >"$work/notes" || {
	says
	fail "helm install"
}
# helm waits for all nodes but the one that may be unavailable.
rolled_out
expect_match "notes" 'runtimeClassName: kata\.' "$(cat "$work/notes")"
expect "label" true "$(label)"
is_current "$(cat "$top/VERSION")" || fail "the current version is $(current)"
expect "RuntimeClasses" "runtimeclass.node.k8s.io/kata runtimeclass.node.k8s.io/kata-qemu" \
	"$(k get runtimeclass -o name | sort | tr '\n' ' ' | sed 's/ $//')"
begin_pod lasting

note "a change that would leave the node behind is refused"
if helm upgrade kata "$chart" "${namespace[@]}" --reuse-values --set env.multiInstallSuffix=b 2>"$work/refusal"; then
	fail "another suffix was taken"
fi
expect_match "the refusal" 'cannot change' "$(cat "$work/refusal")"

note "an upgrade beside a running pod"
pid=$(containerd_pid)
release 5.0.1 "$dist/kata"
helm upgrade kata "$chart" "${namespace[@]}" --reuse-values --set image.tag=5.0.1 --wait --timeout 10m >/dev/null || {
	says
	fail "helm upgrade"
}
rolled_out
is_current 5.0.1 || fail "the current version is $(current)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
k exec lasting -- true || fail "the pod does not answer after the upgrade"

note "uninstall"
k delete pod lasting >/dev/null
helm uninstall kata "${namespace[@]}" --timeout 15m >/dev/null || {
	system get pods
	system logs job/kata-deploy-uninstall
	fail "helm uninstall"
}
expect "label" "" "$(label)"
expect_restored
expect "what is left in the cluster" "" \
	"$(k get runtimeclass,clusterrole,clusterrolebinding -o name | grep kata || true)$(system get all,configmap,role -o name | grep -v kube-root-ca || true)"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
