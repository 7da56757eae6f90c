#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd-only.sh NAME OUTDIR - recipe: the daemon of another containerd, from its Go module.
#
# For judging configurations, which it does without running.  The module is built as the main one: it
# excludes versions of others, which "go install" does not accept from a dependency.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
module=$(field "$name" module)
version=$(field "$name" version)

source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
[ -d "$source" ] || die "no source of $module@$version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$source/." "$work"
chmod -R u+w "$work"
rm -rf "$work/vendor"
cd "$work"
nice -n 5 go build -mod=mod -o "$out/containerd" -tags no_btrfs,no_devmapper,no_zfs,no_aufs \
	-ldflags "-s -w -X $module/version.Version=$version" ./cmd/containerd
"$out/containerd" --version
