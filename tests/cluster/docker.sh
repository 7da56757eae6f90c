#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docker.sh NAME OUTDIR - recipe: another Docker's daemon, from its Go module.
#
# Its module file is called vendor.mod.  A build without cgo has neither btrfs nor the journal, which no test needs.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/go.sh"
. "$KATA_TOP/tests/cluster/go-main.sh"
module=$(field "$name" module)
version=$(field "$name" version)
number=${version#v} number=${number%+*}

go_main_source "$module" "$version"
mv vendor.mod go.mod
mv vendor.sum go.sum
for program in dockerd docker-proxy; do
	nice -n 5 go build -mod=mod -tags exclude_graphdriver_btrfs -o "$out/$program" \
		-ldflags "-s -w -X $module/dockerversion.Version=$number" "./cmd/$program"
done
"$out/dockerd" --version
