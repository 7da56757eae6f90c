#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mirror.sh - make a folder of releases a mirror: its index, and the signature of that.
#
#   packaging/release/mirror.sh DIR [withdraw VERSION REASON | advise VERSION TEXT]...
#
# The index (docs/formats.md) has every kata-static-*.tar.zst in DIR, with its list of frames where there is one.  What
# was withdrawn or advised before stays so; VERSION is "1.2.0" or "1.2.0-DIGEST12".  KATA_SIGN_KEY names the secret
# key of minisign that signs it, the one that signs releases.  Each index has a higher number than the one before.
# Any web server can serve DIR; one that knows ranges saves the most.
set -euo pipefail
export LC_ALL=C
umask 022

die() { echo "mirror: $*" >&2; exit 1; }
if [ ! -d "${1:-}" ]; then
	sed -n '/^#   /s/^# *//p' "$0" >&2
	exit 2
fi
. "$(dirname "$(readlink -f "$0")")/sign.sh"
dir=$1
shift
index=$dir/kata-index
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

file() { # PATH - "SIZE SHA256 NAME"
	echo "$(stat -c %s "$1") $(sha256sum <"$1" | cut -d' ' -f1) $(basename "$1")"
}

releases() {
	local archive frames
	for archive in "$dir"/kata-static-*.tar.zst; do
		[ -f "$archive" ] || die "there is no kata-static-*.tar.zst in '$dir'"
		zstd -dcq "$archive" 2>/dev/null | tar -xOf - --occurrence=1 opt/kata/MANIFEST 2>/dev/null >"$work/manifest" || true
		tail -n 1 "$work/manifest" | grep -qE '^digest [0-9a-f]{64}$' || die "'$archive' has no MANIFEST"
		echo "release $(sed -n 's/^version //p' "$work/manifest") $(sed -n 's/^arch //p' "$work/manifest")" \
			"$(sed -n 's/^digest //p' "$work/manifest") $(file "$archive")"
		frames=${archive%.tar.zst}.frames
		[ ! -f "$frames" ] || echo "frames $(file "$frames")"
	done
}

notes() {
	[ ! -f "$index" ] || grep -E '^(withdrawn|advisory) ' "$index" || true
	while [ $# -gt 0 ]; do
		[ $# -ge 3 ] || die "'$1' needs a version and a text"
		case $1 in
		withdraw) echo "withdrawn $2 $3" ;;
		advise) echo "advisory $2 $3" ;;
		*) die "unknown word '$1'" ;;
		esac
		shift 3
	done
}

serial=$(sed -n 's/^serial //p' "$index" 2>/dev/null || true)
{
	echo "kata-index 1"
	echo "serial $((${serial:-0} + 1))"
	releases
	notes "$@" | sort -u
} >"$work/index"
echo "digest $(sha256sum <"$work/index" | cut -d' ' -f1)" >>"$work/index"
sign "$work/index" "kata-index $((${serial:-0} + 1))"
# Whoever reads both in between finds a signature that does not fit, and asks again.
install -m 0644 "$work/index" "$index.new"
rm -f "$index.minisig"
[ ! -f "$work/index.minisig" ] || install -m 0644 "$work/index.minisig" "$index.minisig"
mv "$index.new" "$index"
echo "mirror: $index ($(grep -c '^release ' "$index") releases$([ -f "$index.minisig" ] || echo ', unsigned'))"
