#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# releases.sh - other releases than the packed one, signed, to go between.  Sourced by tests/it/*.sh behind lib.sh, which
# set archive to the packed one before they make any.
# shellcheck disable=SC2154 # archive is the test's
require minisign tar zstd

# keys NAME... - a pair for each: $work/NAME.pub and $work/NAME.key.
keys() {
	local key
	for key; do
		minisign -G -W -f -p "$work/$key.pub" -s "$work/$key.key" >/dev/null
	done
}

# release NAME KEY SCRIPT - the release once more as $work/NAME, with what SCRIPT changes in its tree, signed by KEY.
release() {
	mkdir -p "$work/$1.tree"
	tar --zstd -xf "$archive" -C "$work/$1.tree"
	(cd "$work/$1.tree/opt/kata" && eval "$3") || return
	(
		cd "$work/$1.tree/opt/kata" || exit
		sed "s/^version .*/version $1/" MANIFEST | head -n -1 | while read -r kind a b c d; do
			[ "$kind" != file ] || set -- "$(sha256sum <"$d")" "$(stat -c %s "$d")"
			[ "$kind" != file ] || { echo "$kind $a $2 ${1%% *} $d" && continue; }
			echo "$kind $a${b:+ $b}${c:+ $c}${d:+ $d}"
		done >new
		echo "digest $(sha256sum <new | cut -d' ' -f1)" >>new
		mv new MANIFEST
		minisign -S -s "$work/$2.key" -m MANIFEST -t "release $1" >/dev/null
		cd "$work/$1.tree" && { echo opt/kata/MANIFEST; echo opt/kata/MANIFEST.minisig; find opt ! -type d ! -name 'MANIFEST*'; } |
			tar --format=ustar --no-recursion --owner=0 --group=0 -cf - -T - | zstd -q1 -o "$work/$1"
	)
	rm -r "$work/$1.tree"
}
