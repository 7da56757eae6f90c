#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# common - what the lint tests share: the lists of files and the count of complaints.
#
# A lint that looked at nothing, or whose checker is missing or failed, fails: each list comes from
# `take`, each checker is named by `need`, and nothing is read from a process substitution, whose status
# nobody sees.  The lint test "lints" holds this.
# shellcheck disable=SC2034 # code and all are for the lint tests
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
code=(lib agent runtime deploy manager)
all=()
complaints=0

die() {
	echo "$(basename "$0" .sh): $*" >&2
	exit 2
}

# need TOOL... - all of them exist.
need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || die "the tool '$tool' is missing"
	done
}

# files PATTERN... - those git knows, and new ones it does not ignore.  Every pattern finds some.
files() {
	local pattern found file
	for pattern; do
		found=$(git ls-files -co --exclude-standard -- "$pattern") || die "git does not know this tree"
		[ -n "$found" ] || die "no file is like '$pattern'"
		while read -r file; do
			[ ! -f "$file" ] || echo "$file"
		done <<<"$found"
	done
}

# sources FOLDER... - C files below the folders.  c_files leaves the headers out.
sources() { files "$@" | grep '\.[ch]$'; }
c_files() { files "$@" | grep '\.c$'; }

# take COMMAND... - sets all to the lines COMMAND prints, of which there must be some.
take() {
	local text
	text=$("$@") || die "'$*' failed"
	[ -n "$text" ] || die "'$*' found nothing to look at"
	mapfile -t all <<<"$text"
}

# matches GREP-ARGUMENT... - grep, for which no match is well and trouble is not.
matches() {
	local status=0
	grep "$@" || status=$?
	[ "$status" -le 1 ]
}

complain() {
	echo "$*"
	complaints=$((complaints + 1))
}

# complain_of WHAT COMMAND... - of each line that COMMAND prints: "LINE: WHAT", or LINE if WHAT is empty.
complain_of() {
	local what=$1 text line
	shift
	text=$("$@") || die "'${*:0:60}' failed"
	while read -r line; do
		[ -z "$line" ] || complain "$line${what:+: $what}"
	done <<<"$text"
}

finish() {
	[ "$complaints" = 0 ] || { echo "$complaints complaints"; exit 1; }
}
