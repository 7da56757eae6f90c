#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh NAME OUTDIR - recipe: the program `hyperkube`, a whole Kubernetes in one static binary.
#
# go.mod and go.sum are pinned inputs; gen.sh writes them anew for another version.  The build never
# touches the tree.  It takes seven to twelve minutes on two cores.
set -euo pipefail

name=$1 out=$2
here=$KATA_TOP/tests/cluster/hyperkube
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
version=$(field "$name" version)
minor=${version#v1.} minor=${minor%%.*}

grep -q "k8s.io/kubernetes $version\$" "$here/go.mod" || {
	echo "go.mod does not pin k8s.io/kubernetes $version; run tests/cluster/hyperkube/gen.sh" >&2
	exit 1
}

# Without these the server calls itself v0.0.0-master and kubelet and kubectl complain about the skew.
package=k8s.io/component-base/version
stamp="-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor"
stamp+=" -X $package.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=$version"

# go names each package when it is compiled; counting them lets the reader see how far it is.
cd "$here"
total=$(go list -deps -tags grpcnotrace,notest . | wc -l)
nice -n 5 go build -v -tags grpcnotrace,notest -ldflags "$stamp" -o "$out/hyperkube" . 2>&1 |
	awk -v total="$total" '{ printf "[%d/%d] %s\n", ++n, total, $0; fflush() }'
for program in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
	ln -s hyperkube "$out/$program"
done
"$out/kubectl" version --client
