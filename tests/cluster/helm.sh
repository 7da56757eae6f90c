#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# helm.sh NAME OUTDIR - recipe: the program `helm`, from its Go module.
#
# The tests of charts/kata-deploy run it.  Its Kubernetes modules are of the same minor version as those
# of hyperkube.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
module=$(field "$name" module)
version=$(field "$name" version)

# Without these it takes a cluster that it has not asked for one of Kubernetes 1.20.
kubernetes=$(field hyperkube version)
minor=${kubernetes#v1.} minor=${minor%%.*}
stamp="-s -w -X $module/internal/version.version=$version"
for package in chartutil lint/rules; do
	stamp+=" -X $module/pkg/$package.k8sVersionMajor=1 -X $module/pkg/$package.k8sVersionMinor=$minor"
done

export GOBIN=$out
nice -n 5 go install -ldflags "$stamp" "$module/cmd/helm@$version"
"$out/helm" version --short
