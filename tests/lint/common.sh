#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# common - what the lint tests share: the list of files and the count of complaints.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
complaints=0

# files PATTERN... - those git knows, and new ones it does not ignore.
files() {
	git ls-files -co --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# sources FOLDER... - C files below the folders.
sources() {
	files "$@" | grep '\.[ch]$' || true
}

complain() {
	echo "$*"
	complaints=$((complaints + 1))
}

finish() {
	[ "$complaints" = 0 ] || { echo "$complaints complaints"; exit 1; }
}
