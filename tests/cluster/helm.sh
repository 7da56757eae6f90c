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

export GOBIN=$out
nice -n 5 go install -ldflags "-s -w -X $module/internal/version.version=$version" \
	"$module/cmd/helm@$version"
"$out/helm" version --short
