#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crate.sh - recipe of the artefacts `virtiofsd` and `vhost-device-vsock`: a daemon from its crate.
#
# Static, against Debian's static libseccomp and libcap-ng, so that it runs on any node.  The target
# is named although it is the host's own: only then are the flags for the program kept away from the
# compiler plug-ins, which cannot be static.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
need cargo rustc gcc pkg-config

version=$(field "$name" version)
target=$(rustc -vV | sed -n 's/^host: //p')
cargo_home=${CARGO_HOME:-$HOME/.cargo}
libdir=$(pkg-config --variable=libdir libseccomp)
for library in libseccomp.a libcap-ng.a; do
	[ -f "$libdir/$library" ] ||
		die "missing $libdir/$library; install libseccomp-dev and libcap-ng-dev"
done

export LIBSECCOMP_LINK_TYPE=static LIBSECCOMP_LIB_PATH=$libdir
export LIBCAPNG_LINK_TYPE=static LIBCAPNG_LIB_PATH=$libdir
export CARGO_TARGET_DIR=$PWD/target CARGO_PROFILE_RELEASE_STRIP=symbols
export CARGO_PROFILE_RELEASE_LTO=thin
RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/build"
export RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$cargo_home=/cargo"
cargo install --locked --target "$target" --root "$PWD/root" "$name@$version"

crate=$(find "$cargo_home/registry/cache" -name "$name-$version.crate" | head -n 1)
[ -n "$crate" ] || die "cargo left no $name-$version.crate to check the digest of"
check_digest "$name" "$version" "$crate"

install -D -m 0755 "root/bin/$name" "$out/libexec/$name"
if readelf -l "$out/libexec/$name" | grep -q INTERP; then
	die "$name still needs a dynamic linker"
fi
echo "$version" >"$out/version"
"$out/libexec/$name" --version
