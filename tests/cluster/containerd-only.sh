#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd-only.sh NAME OUTDIR - recipe: the daemon of another containerd, from its Go module.
#
# For judging configurations, which it does without running.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
. "$KATA_TOP/tests/cluster/go-main.sh"
module=$(field "$name" module)
version=$(field "$name" version)

go_main_source "$module" "$version"
nice -n 5 go build -mod=mod -o "$out/containerd" -tags no_btrfs,no_devmapper,no_zfs,no_aufs \
	-ldflags "-s -w -X $module/version.Version=$version" ./cmd/containerd
"$out/containerd" --version
