#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docker.sh NAME OUTDIR - recipe: another Docker's daemon, from its Go module.
#
# Its module file is called vendor.mod and is no dependency of anybody, so it is built as the main module.  A build
# without cgo has neither btrfs nor the journal, which no test needs.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
module=$(field "$name" module)
version=$(field "$name" version)
number=${version#v} number=${number%+*}

source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
[ -d "$source" ] || die "no source of $module@$version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$source/." "$work"
chmod -R u+w "$work"
cd "$work"
rm -rf vendor
mv vendor.mod go.mod
mv vendor.sum go.sum
for program in dockerd docker-proxy; do
	nice -n 5 go build -mod=mod -tags exclude_graphdriver_btrfs -o "$out/$program" \
		-ldflags "-s -w -X $module/dockerversion.Version=$number" "./cmd/$program"
done
"$out/dockerd" --version
