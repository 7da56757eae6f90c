#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scale [OPTION=VALUE]... - many agents with a real API server: requests of a node by verb, in roll-outs, at rest, while it is away
#
# nodes=N (100) Node objects, each with kata-deploy itself as the DaemonSet's controller asks for its pods: with the pod's own
# account and token, files and an engine's socket of its own; the engine and its sandboxes are played (node/engine.go), and so is
# the kubelet (node/scale.go).  The control plane is real, but for what watches over kubelets.  Fails if there is a write at rest
# (rest=SECONDS, 120), a node has not exactly one connection there, or an agent asks more often than 0.25 times a second while the
# API server is away (away=SECONDS, 600: what leads there hangs up), or ends unasked.  only=outage: no roll-outs;
# only=roll-outs: nobody goes back by hand.  at-once=N (100) pods are started at a time.  real=N (0) nodes beside them have a kubelet,
# containerd and the whole release, in two versions, and sandboxes that are emulated; how many requests they make is told apart.
#
# only=coordinator: nodes=N are objects alone, and what is measured is the coordinator, which fails if it takes more memory than its
# Deployment allows; parallelism=N (500) and soak=SECONDS (5) are the policy's.  only=controller: the same objects, and how long
# the DaemonSet's controller takes for a roll-out of its own.
# shellcheck source-path=SCRIPTDIR source=node.sh
. "$(dirname "$0")/node.sh"
require ip curl openssl mount
export KATA_CLUSTER=scale$$
here=$top/tests/cluster
# shellcheck source-path=SCRIPTDIR/../cluster source=common.sh
. "$here/common.sh"
# shellcheck source-path=SCRIPTDIR/../cluster source=control-plane.sh
. "$here/control-plane.sh"
# shellcheck source-path=SCRIPTDIR/../cluster source=make-release.sh
. "$here/make-release.sh"

# Without it nobody asks whether there are kubelets.
start_controller_manager() {
	local pki=$state/pki
	start_component kube-controller-manager "$kubernetes/kube-controller-manager" \
		--kubeconfig="$pki/kube-controller-manager.kubeconfig" --leader-elect=false \
		--use-service-account-credentials --root-ca-file="$pki/ca.crt" \
		--service-account-private-key-file="$pki/sa.key" --controllers=*,-node-lifecycle-controller \
		--bind-address=127.0.0.1 --kube-api-qps=500 --kube-api-burst=1000
}

k() { ip netns exec "$netns" "$kubernetes/kubectl" --kubeconfig "$state/pki/admin.kubeconfig" "$@"; }

# What real nodes are given: two versions, as the others have them.
real_nodes() {
	local number
	for ((number = 1; number <= real; number++)); do
		names+=("r$number")
	done
	"$here/cluster" up "${names[@]}"
	release 1.0.1 "$dist/kata" "$program"
	release 1.0.2 "$dist/kata" "$program"
}
deliver() {
	local node
	for node in "${names[@]}"; do
		"$here/cluster" load "$node" "$1"
	done
}

nodes=100 real=0 names=() parts=() kustomization="$top/manifests"
image=localhost/kata-deploy dist=${KATA_DIST_DIR:-$top/build/dist}
for option; do
	case $option in
	nodes=*) nodes=${option#*=} ;;
	real=*) real=${option#*=} kustomization="$top/manifests/overlays/emulation" parts+=("$option") ;;
	only=coordinator) kustomization=$work/coordinated parts+=("$option") ;;
	*) parts+=("$option") ;;
	esac
done
kubernetes=$("$top/packaging/artefact" hyperkube)
program=$(node_program kata-deploy)
(cd "$top/tests/torture/node" && nice go build -p 2 -o "$work/node" .)
cleanup "$here/cluster" down
control_plane_up
ln -s "$kubernetes" "$state/kubernetes"
mkdir "$work/coordinated"
ln -s "$top/manifests" "$work/coordinated/manifests"
printf 'resources: [manifests]\ncomponents: [manifests/components/coordinator]\n' >"$work/coordinated/kustomization.yaml"
"$kubernetes/kubectl" kustomize --load-restrictor LoadRestrictionsNone "$kustomization" |
	sed -e "s#image: .*kata-deploy:.*#image: $image:1.0.1#" -e 's/^  replicas: 1/  replicas: 0/' >"$work/all.yaml"
((real == 0)) || real_nodes
# The kind of a resource is there a moment after it was made.
apply() { k apply -f "$work/all.yaml"; }
eventually 60 "the objects to be taken" apply
note "$("$program" --version), the API server is ready"
if ((real > 0)); then
	k -n kata-system rollout status daemonset/kata-deploy --timeout=600s
	note "$real real nodes have it"
fi
# So many nodes' files are no matter of the disk, which others use.
mkdir "$work/room"
mount -t tmpfs tmpfs "$work/room"
cleanup umount --lazy "$work/room"
# With all that it starts it is one group, which ends together.
setsid ip netns exec "$netns" "$work/node" scale "$program" "$work/room" /usr/bin/containerd \
	"server=https://$bridge_ip:6443" "pki=$state/pki" "nodes=$nodes" "${parts[@]}" &
group=$!
end_group() { kill -KILL -- "-$group" 2>/dev/null || true; }
cleanup end_group
wait "$group"
