#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# gen.sh - write go.mod and go.sum for the Kubernetes version named in packaging/versions.yaml.
#
# Run it after changing that version and commit the result.  The published module k8s.io/kubernetes
# replaces its staging modules by folders the module does not hold, so the replaces are made here
# from the go.mod of that very version: v1.X.Y needs v0.X.Y of each.
set -euo pipefail

cd "$(dirname "$0")"
KATA_TOP=$(cd ../../.. && pwd)
. "$KATA_TOP/packaging/recipe.sh"
version=$(field hyperkube version)
staging=v0.${version#v1.}
export GOFLAGS=-modcacherw GOMODCACHE=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}/go/mod

upstream=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
{
	echo "module hyperkube"
	echo
	sed -n '/^go [0-9.]*$/p' "$upstream"
	echo
	echo "require k8s.io/kubernetes $version"
	echo
	echo "replace ("
	sed -n "s#^\t\(k8s.io/[a-z-]*\) => ./staging/.*#\t\1 => \1 $staging#p" "$upstream"
	echo ")"
} >go.mod
go mod tidy
