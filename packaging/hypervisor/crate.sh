#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crate.sh - recipe of the artefacts `virtiofsd` and `vhost-device-vsock`: a daemon from its crate.
#
# Static, against Debian's static libseccomp and libcap-ng, so that it runs on any node.  The target
# is named although it is the host's own: only then are the flags for the program kept away from the
# compiler plug-ins, which cannot be static.  cargo fetches the crate, and it is built only when its
# digest is the recorded one; those of all others are in its Cargo.lock.  crates/NAME/ has patches that mend
# errors that we met, each says which.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
need cargo rustc gcc pkg-config dpkg-query patch

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
RUSTFLAGS="$RUSTFLAGS -C link-arg=-Wl,--dependency-file=$PWD/linked"

cargo info --registry crates-io "$name@$version" >/dev/null
crate=$(find "$cargo_home/registry/cache" -name "$name-$version.crate" | head -n 1)
[ -n "$crate" ] || die "cargo left no $name-$version.crate to check the digest of"
check_digest "$name" "$version" "$crate"
tar xf "$crate"
for patch in "$KATA_TOP/packaging/hypervisor/crates/$name"/*.patch; do
	[ ! -e "$patch" ] || patch -d "$name-$version" -p1 --forward --fuzz=0 <"$patch" ||
		die "$patch does not fit $name $version; adapt it, or remove it if the crate has mended that"
done
cargo install --locked --target "$target" --root "$PWD/root" --path "$name-$version"

install -D -m 0755 "root/bin/$name" "$out/libexec/$name"
if readelf -l "$out/libexec/$name" | grep -q INTERP; then
	die "$name still needs a dynamic linker"
fi
echo "$version" >"$out/version"
"$out/libexec/$name" --version

# without_text CRATE LICENCE - make and name a text for a crate that brings none.
without_text() {
	{
		echo "$1 brings no licence text.  Its manifest says: $2"
		echo "The text of Apache-2.0 is that of /usr/share/common-licenses/Apache-2.0."
	} >"$1.licence"
	echo "$PWD/$1.licence"
}

# crate_copyright - lines for keep_copyright about all crates whose code is in the program.
crate_copyright() {
	local part its folder files file licence rest
	cargo tree --locked --manifest-path "$name-$version/Cargo.toml" --target "$target" \
		-e normal,no-proc-macro --prefix none --format '{p}' | LC_ALL=C sort -u >crates
	while read -r part its rest; do
		its=${its#v}
		folder=$(find "$cargo_home"/registry/src/*/ -maxdepth 1 -name "$part-$its" | head -n 1)
		[ "$part" != "$name" ] || folder=$PWD/$name-$version
		[ -d "$folder" ] || die "cargo left no folder of $part $its to take the licence from $rest"
		licence=$(sed -nE 's/^license = "(.*)"$/\1/p' "$folder/Cargo.toml" | head -n 1)
		mapfile -t files < <(find "$folder" -maxdepth 2 -type f -size -200k ! -name '*.rs' -iregex \
			'.*/\(\(UN\)?LICEN[CS]E\|COPYING\|COPYRIGHT\|NOTICE\)[^/]*\|.*/LICEN[CS]ES/[^/]*')
		[ ${#files[@]} -gt 0 ] || files=("$(without_text "$part" "$licence")")
		for file in "${files[@]}"; do
			printf 'crate %s %s\t%s\n' "$part" "$its" "$file"
		done
	done <crates
}

# rust_copyright - the same about Rust's standard library.
rust_copyright() {
	local texts version
	version=$(rustc --version | cut -d' ' -f2)
	texts=$(rustc --print sysroot)/share/doc/rust
	find "$texts" -maxdepth 1 -name 'COPYRIGHT-library.html' -printf "rust std $version\t%p\n" |
		grep . || find "$texts" -maxdepth 1 -type f \( -name 'COPYRIGHT*' -o -name 'LICENSE*' \) \
			-size -200k -printf "rust std $version\t%p\n" | grep . ||
		die "no licence texts of Rust in $texts"
}

linked_packages linked >packages
mapfile -t packages <packages
{
	crate_copyright
	rust_copyright
	package_copyright "${packages[@]}"
} | keep_copyright
