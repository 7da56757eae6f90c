#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - lay a release out as one version directory and pack it.
#
#   packaging/release/build.sh BUILD OUT       from the release build BUILD, for example build/release
#
# Leaves OUT/kata, the directory as it will be on a node, and OUT/kata-static-VERSION-ARCH.tar.zst,
# the same below opt/kata, with the list of its frames beside it (frames.sh).  What it consists of is
# the table packaging/release/layout; MANIFEST, whose format lib/host/manifest.h describes, lists it
# with sizes and digests.  Equal inputs give equal bytes: order, owner, mode and time are fixed and
# zstd runs with one thread.  If OUT already holds this very release, nothing is written.
# KATA_PACK_LEVEL is how hard zstd tries (19).
#
# Beside the archive lie its SBOM and its provenance (describe.sh).
#
# With KATA_SIGN_KEY (sign.sh) MANIFEST.minisig follows MANIFEST, and the two documents are signed beside them.
set -euo pipefail
export LC_ALL=C
umask 022

[ $# = 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=$(readlink -f "$1")
mkdir -p "$2"
out=$(readlink -f "$2")
layout=$top/packaging/release/layout
version=$(cat "$top/VERSION")
. "$top/packaging/release/arch.sh"
archive=$out/kata-static-$version-$package_arch.tar.zst

. "$top/packaging/release/sign.sh"
. "$top/packaging/release/describe.sh"
die() { echo "release: $*" >&2; exit 1; }

exec 9>"$out/.lock"
flock 9
rm -rf "$out"/.new.* # of a run that was killed: we hold the lock
work=$(mktemp -d "$out/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/opt/kata
mkdir -p "$tree" "$work/made"

rows() { grep -v '^#' "$layout"; }

artefacts() { rows | sed -nE 's#.* artefact:([^/]+)/.*#\1#p' | sort -u; }

strip_program() { # NAME OUT
	[ -f "$build/bin/$1" ] ||
		die "no program '$1' in $build/bin; build it first ('./dev build')"
	strip -s -o "$2" "$build/bin/$1"
	if readelf -l "$2" | grep -q INTERP; then
		die "$build/bin/$1 is not static; a release is made of the preset 'release'"
	fi
}

make_initrd() { # OUT
	strip_program kata-agent "$work/made/kata-agent"
	"$top/packaging/guest/initrd.sh" "$work/made/kata-agent" "$1" \
		"$("$top/packaging/artefact" iptables)/sbin/xtables-legacy-multi"
}

# What each part was built from, so that someone who looks for a CVE need not guess.
make_components() { # OUT
	local name file
	for name in $(artefacts); do
		for file in "$("$top/packaging/artefact" "$name")"/version*; do
			sed "s#^#$name #" "$file"
		done
	done >"$1"
}

fetch() { # SOURCE OUT
	local rest=${1#*:} file
	case $1 in
	program:*) strip_program "$rest" "$2" ;;
	made:*) "make_$rest" "$2" ;;
	man:*) "$top/packaging/man/page.sh" "$rest" "$build" >"$2" ;;
	link:*) ln -s "$rest" "$2" ;;
	tree:* | artefact:*)
		file=$top/$rest
		[ "${1%%:*}" = tree ] || file=$("$top/packaging/artefact" "${rest%%/*}")/${rest#*/}
		[ -f "$file" ] || die "no file '$file' for '$1' in packaging/release/layout"
		cp "$file" "$2"
		;;
	*) die "packaging/release/layout: unknown source '$1'" ;;
	esac
}

lay_out() {
	local mode path source
	while read -r mode _ path source; do
		mkdir -p "$(dirname "$tree/$path")"
		fetch "$source" "$tree/$path"
		[ "$mode" = - ] || chmod "$mode" "$tree/$path"
	done < <(rows)
}

# The configuration we ship must not name files we do not ship.
check_configuration() {
	local path config=$tree/share/defaults/kata-containers/configuration-qemu.toml
	while read -r path; do
		[ -e "$tree/$path" ] ||
			die "configuration-qemu.toml names /opt/kata/$path, which is not in the release"
	done < <(sed -nE 's#^[a-z_]+ = "/opt/kata/([^"]*)"$#\1#p' "$config")
}

entries() { # one line per file and link, without MANIFEST
	(cd "$tree" && find . \( -type f -o -type l \) ! -path ./MANIFEST -printf '%P\n' | sort)
}

write_manifest() {
	local path file
	{
		echo "kata-manifest 1"
		echo "version $version"
		echo "arch $arch"
		while read -r path; do
			file=$tree/$path
			if [ -L "$file" ]; then
				echo "link $(readlink "$file") $path"
			else
				echo "file $(stat -c '%a %s' "$file")" \
					"$(sha256sum <"$file" | cut -d' ' -f1) $path"
			fi
		done < <(entries)
	} >"$work/manifest"
	echo "digest $(sha256sum <"$work/manifest" | cut -d' ' -f1)" >>"$work/manifest"
	install -m 0644 "$work/manifest" "$tree/MANIFEST"
}

# MANIFEST and its signature come first, so that one can be told from the other without unpacking; folders come
# before what they hold.
pack() {
	{
		printf '%s\n' opt opt/kata opt/kata/MANIFEST
		[ ! -f "$tree/MANIFEST.minisig" ] || echo opt/kata/MANIFEST.minisig
		(cd "$work" && find opt/kata -mindepth 1 ! -path opt/kata/MANIFEST ! -path opt/kata/MANIFEST.minisig | sort)
	} >"$work/members"
	tar -C "$work" --no-recursion -T "$work/members" --format=ustar --owner=0 --group=0 \
		--numeric-owner --mtime=@0 -cf "$work/tar"
	"$top/packaging/release/frames.sh" "$work/tar" "$work/packed"
	rm "$work/tar"
}

lay_out
check_configuration
write_manifest
sign "$tree/MANIFEST" "kata $version $arch $(tail -n 1 "$tree/MANIFEST")"
if [ -f "$archive" ] && [ -f "${archive%.tar.zst}.frames" ] && cmp -s "$tree/MANIFEST" "$out/kata/MANIFEST" &&
	[ "$(cat "$tree/MANIFEST.minisig" 2>/dev/null)" = "$(cat "$out/kata/MANIFEST.minisig" 2>/dev/null)" ]; then
	describe
	echo "release: $archive is up to date"
	exit
fi
pack
rm -rf "$out/kata"
mv "$tree" "$out/kata"
mv "$work/packed.frames" "${archive%.tar.zst}.frames"
mv "$work/packed.tar.zst" "$archive"
tree=$out/kata
describe
echo "release: $archive ($(stat -c %s "$archive") bytes, $(tail -n 1 "$out/kata/MANIFEST"))"
