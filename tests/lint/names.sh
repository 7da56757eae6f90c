#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# names - one version and one image: VERSION, manifests/ and charts/ agree, and no other project's image is named.
. "$(dirname "$0")/common.sh"
need sed cmp

take files manifests charts packaging
version=$(cat VERSION)
image=localhost/kata-deploy

# says FILE REGEX WANTED - the first match of the group in REGEX.
says() {
	local got
	got=$(sed -nE "s#$2#\1#p" "$1" | head -n 1)
	[ "$got" = "$3" ] || complain "$1: says '$got' where '$3' is right"
}

kustomization=manifests/base/installer/kustomization.yaml
says $kustomization '^    newName: (.*)$' "$image"
says $kustomization '^    newTag: (.*)$' "$version"
says manifests/base/installer/daemonset.yaml '^ *image: ([^ ]*).*$' kata-deploy
says packaging/image/build.sh '^reference=.*:-(.*):\$version\}$' "$image"
says tests/cluster/installing.sh '^image=(.*)$' "$image"

chart=charts/kata-deploy
says $chart/Chart.yaml '^version: (.*)$' "$version"
says $chart/Chart.yaml '^appVersion: (.*)$' "$version"
says $chart/values.yaml '^  reference: (.*)$' "$image"
cmp -s $chart/files/rbac.yaml manifests/base/installer/rbac.yaml ||
	complain "$chart/files/rbac.yaml is not manifests/base/installer/rbac.yaml"

# What is compatible with a version sorts above it.
compatible=$(sed -nE 's/^set\(KATA_COMPATIBLE (.*)\)$/\1/p' CMakeLists.txt)
[ -n "$compatible" ] || complain "CMakeLists.txt: no KATA_COMPATIBLE"
lower=$(printf '%s\n' "$version" "$compatible" | sort -V | head -n 1)
if [ "$lower" != "$compatible" ] || [ "$version" = "$compatible" ]; then
	complain "VERSION: $version does not sort above $compatible, with which it is compatible"
fi

images() { matches -nE '(quay|ghcr|gcr|docker)\.io/' "${all[@]}"; }
complain_of "an image of another project" images
finish
