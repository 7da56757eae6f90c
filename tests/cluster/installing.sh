#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# installing.sh - what tests of an installation share: a cluster of one node that nothing was done to.  Sourced by
# tests/cluster/t/kata-deploy-*.sh, which change the node, restart its containerd and leave it as they like.
#
# CONTAINERD is the node's version (2), KATA_DIST_DIR the release under test (build/dist).
# shellcheck disable=SC2034 # some names are for the tests only
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR/../.. source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

containerd=${CONTAINERD:-2}
export KATA_CLUSTER=deploy$containerd-$$
cluster=$top/tests/cluster/cluster
dist=${KATA_DIST_DIR:-$top/build/dist}
name=d1
image=localhost/kata-deploy
require_root
[ -f "$dist/kata-deploy-image.tar" ] || skip "no $dist/kata-deploy-image.tar; './dev package' makes it"
cleanup "$cluster" down
"$cluster" up "$name:$containerd"
root=$("$cluster" path "$name")

k() { "$cluster" kubectl "$@"; }
# kata - what an administrator calls as "kubectl kata".
kata() {
	KUBECONFIG=${KATA_CLUSTER_DIR:-/var/lib/kata-cluster}/$KATA_CLUSTER/pki/admin.kubeconfig \
		ip netns exec "kata-$KATA_CLUSTER" "$dist/kata/bin/kubectl-kata" "$@"
}
system() { k -n kata-system "$@"; }
on_node() { "$cluster" node "$name" "$@"; }
label() { k get node "$name" -o 'jsonpath={.metadata.labels.katacontainers\.io/kata-runtime}'; }
is_labelled() { [ "$(label)" = "$1" ]; }
containerd_pid() { on_node cat /run/node/containerd.pid; }
configuration() { (cd "$root/etc/containerd" && find . -type f -exec sha256sum {} + | sort); }
current() { on_node readlink /opt/kata/current; }
is_current() { [[ $(current) == versions/$1-* ]]; }

# has_event REASON REGEX
has_event() {
	[[ $(k get events -n default --field-selector "reason=$1" -o 'jsonpath={.items[*].note}{.items[*].message}') =~ $2 ]]
}

# manifests VERSION - what a user applies, for a machine whose VMs may have to be emulated.
manifests() {
	k kustomize "$top/manifests/overlays/emulation" | sed "s#image: $image:.*#image: $image:$1#"
}

# says - the installer's log, its end.
says() { system logs -l app=kata-deploy --tail=60; }
