#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# testing.sh - what every cluster test shares.  Sourced by tests/cluster/t/*.sh.
#
# The tests share one running cluster; each has a Kubernetes namespace of its own.  Its deletion begins
# with the end of the test and goes on beside the next one; pods-leave-nothing-behind is the test
# that waits for what all others leave.  RUNTIME_CLASS is what the pods run under (kata; "runc" means none, to prove a test itself),
# NODE where they run (n1), KATA_CLUSTER which cluster.
# shellcheck disable=SC2034 # some names are for the tests only
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

export KATA_CLUSTER=${KATA_CLUSTER:-check}
runtime_class=${RUNTIME_CLASS:-kata}
node=${NODE:-n1}
cluster=$top/tests/cluster/cluster
namespace=t$$-$(basename "$0" .sh | cut -c1-40 | sed 's/-*$//')
image=kata.test/busybox:1

require_root
"$cluster" path "$node" >/dev/null
"$cluster" kubectl get node "$node" >/dev/null 2>&1 || skip "no cluster '$KATA_CLUSTER' with a node '$node'"
[ "$runtime_class" = runc ] || "$cluster" kubectl get runtimeclass "$runtime_class" >/dev/null 2>&1 ||
	skip "the cluster has no RuntimeClass '$runtime_class'"

k() { "$cluster" kubectl -n "$namespace" "$@"; }
on_node() { "$cluster" node "$node" "$@"; }
node_root=$("$cluster" path "$node")

show_namespace() {
	k get pods -o wide
	k get events --sort-by=.lastTimestamp | tail -n 25
}

end_namespace() {
	[ "${ending:-}" = well ] || show_namespace
	"$cluster" kubectl delete namespace "$namespace" --wait=false >/dev/null
}

"$cluster" kubectl create namespace "$namespace" >/dev/null
cleanup end_namespace
eventually 20 "the namespace's service account" k get serviceaccount default >/dev/null

# need_image ARTEFACT NAME - the image kata.test/NAME:1 of an artefact that nodes do not have from the start.
need_image() {
	[ -n "$(on_node ctr -n k8s.io images ls -q "name==kata.test/$2:1" 2>/dev/null)" ] ||
		"$cluster" load "$node" "$("$top/packaging/artefact" "$1")/$2.tar" >/dev/null
}

# passed - the last line of a test: what is printed at the end is then not a failure's.
passed() { ending=well; }

# pod NAME [RUNTIME-CLASS] - create a pod; stdin is the rest of its spec, without indentation.
pod() {
	local class=${2:-$runtime_class} spec
	spec=$(cat)
	{
		echo "apiVersion: v1"
		echo "kind: Pod"
		echo "metadata: {name: $1, labels: {app: $1}}"
		echo "spec:"
		[ "$class" = runc ] || echo "  runtimeClassName: $class"
		echo "  nodeSelector: {kubernetes.io/hostname: $node}"
		grep -q '^terminationGracePeriodSeconds:' <<<"$spec" || echo "  terminationGracePeriodSeconds: 2"
		echo "  ${spec//$'\n'/$'\n'  }"
	} >"$work/$1.yaml"
	k create -f "$work/$1.yaml" >/dev/null
}

# sleeper NAME [RUNTIME-CLASS] - a pod with one container `c` that waits, Ready when this returns.
sleeper() {
	pod "$@" <<-END
		containers:
		- {name: c, image: "$image", command: [sleep, "100000"]}
	END
	ready "$1"
}

ready() { # NAME [SECONDS]
	k wait --for=condition=Ready "pod/$1" --timeout="${2:-60}s" >/dev/null ||
		fail "pod $1 did not become Ready"
}

ended() { # NAME PHASE [SECONDS]
	k wait --for=jsonpath='{.status.phase}'="$2" "pod/$1" --timeout="${3:-60}s" >/dev/null ||
		fail "pod $1 did not become $2"
}

# in_pod POD COMMAND... - in its container `c`.
in_pod() {
	local name=$1
	shift
	k exec "$name" -c c -- "$@"
}

field() { # POD JSONPATH
	k get pod "$1" -o "jsonpath={$2}"
}
