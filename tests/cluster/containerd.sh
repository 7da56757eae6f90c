#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd.sh NAME OUTDIR - recipe: containerd, ctr and the runc shim of containerd 2.x, from the Go module.
#
# The tests drive our shim with this release and with Debian's 1.6, which differ in task API (v3 and
# v2), configuration format and drop-in behaviour.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
module=$(field "$name" module)
version=$(field "$name" version)

export GOBIN=$out
nice -n 5 go install -tags no_btrfs,no_devmapper,no_zfs \
	-ldflags "-s -w -X $module/version.Version=$version" \
	"$module/cmd/containerd@$version" \
	"$module/cmd/ctr@$version" \
	"$module/cmd/containerd-shim-runc-v2@$version"
"$out/containerd" --version
