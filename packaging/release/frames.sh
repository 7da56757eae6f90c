#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# frames.sh - pack a tar archive of a release so that each of its files can be had alone.
#
#   packaging/release/frames.sh TAR NAME       leaves NAME.tar.zst and NAME.frames
#
# A frame of zstd's is what it can read without what was before: there is one for MANIFEST and its signature, one for
# each other file with the links and folders behind it, and one for the end.  `tar --zstd` and `zstd -d` read them as
# one.  NAME.frames lists them (docs/formats.md), for who brings over a network what another version lacks.
# KATA_PACK_LEVEL is how hard zstd tries (19).  Equal archives give equal bytes.
set -euo pipefail
export LC_ALL=C

[ $# = 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
tar=$1
name=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "BLOCK PATH" of each piece: the first has MANIFEST, of which the path is told as all are, and the last is the end.
pieces() {
	tar -tvRf "$tar" | awk '
		$3 ~ /^-/ && $NF ~ /^(\.\/)?opt\/kata\/MANIFEST$/ { print 0, "MANIFEST"; next }
		$3 ~ /^-/ && $NF !~ /^(\.\/)?opt\/kata\/MANIFEST\.minisig$/ { sub(/:$/, "", $2); sub(/^(\.\/)?opt\/kata\//, "", $NF); print $2, $NF }
		/Block of NULs/ { sub(/:$/, "", $2); print $2, "-" }'
}

put() { # FROM TO PATH - the blocks of a piece
	dd if="$tar" bs=512 skip="$1" ${2:+count=$(($2 - $1))} iflag=fullblock status=none >"$work/piece"
	zstd -q "-${KATA_PACK_LEVEL:-19}" --single-thread -f -o "$work/frame" "$work/piece"
	cat "$work/frame" >&3
	echo "frame $(stat -c %s "$work/frame") $(sha256sum <"$work/frame" | cut -d' ' -f1) $3"
}

put_all() {
	local from='' path='' next next_path
	echo "kata-frames 1"
	while read -r next next_path; do
		[ -z "$from" ] || put "$from" "$next" "$path"
		from=$next path=$next_path
	done < <(pieces)
	[ "$path" = - ] || { echo "frames: '$tar' has no end" >&2; exit 1; }
	put "$from" '' -
}

put_all 3>"$work/archive" >"$work/list"
echo "digest $(sha256sum <"$work/list" | cut -d' ' -f1)" >>"$work/list"
cat "$work/archive" >"$name.tar.zst"
cat "$work/list" >"$name.frames"
