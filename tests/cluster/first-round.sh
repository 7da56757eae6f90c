#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# first-round.sh NAME OUTDIR - recipe: what an upgrade from the first round begins with.
#
#   kata/         our files of its release, with the paths they have there; its VMM and kernel are today's
#   kata-deploy   the program of its image
#   manifests/    what its users applied
#
# The commit is one of this repository, and its programs are linked with the libraries of today's.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
first=$(field "$name" version)
need git cmake ninja musl-gcc
sysroot=$("$KATA_TOP/packaging/artefact" sysroot)

mkdir first
git -C "$KATA_TOP" archive "$first" | tar -C first -x || die "this repository has no commit $first; a shallow clone lacks it"
cd first
# Neither small nor fast, but what was shipped does the same.
cmake --preset release "-DKATA_SYSROOT=$sysroot" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF
nice -n 5 cmake --build --preset release --target containerd-shim-kata-v2 kata-runtime kata-agent kata-deploy
cd build/release/bin
strip -s containerd-shim-kata-v2 kata-runtime kata-agent kata-deploy
cd ../../..

mkdir -p "$out/kata"/{bin,share/kata-containers,share/defaults/kata-containers}
cp build/release/bin/{containerd-shim-kata-v2,kata-runtime} "$out/kata/bin/"
cp build/release/bin/kata-deploy "$out/"
packaging/guest/initrd.sh build/release/bin/kata-agent "$out/kata/share/kata-containers/kata-containers-initrd.img"
cp runtime/config/configuration-qemu.toml "$out/kata/share/defaults/kata-containers/"
ln -s configuration-qemu.toml "$out/kata/share/defaults/kata-containers/configuration.toml"
cp -r manifests "$out/"
