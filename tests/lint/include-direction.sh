#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# include-direction - every #include follows the arrows of tests/lint/layers.
#
# Headers of ours are named by their path from the top ("lib/str.h") or, inside one folder, by their
# name alone; generated ones (*.pb-c.h) and the system's are left alone.  In some folders the files are a row
# as well, each above those that it includes: there is no circle among them.
. "$(dirname "$0")/common.sh"
need awk tsort

take sources "${code[@]}"
against_the_arrows() {
	awk '
	function parent(path) { return sub("/[^/]*$", "", path) ? path : "" }
	function row(folder) {
		while (folder != "" && !(folder in may))
			folder = parent(folder)
		return folder
	}
	NR == FNR { if ($0 !~ /^#/ && NF) { may[$1] = " " $0 " "; gsub(/[ \t]+/, " ", may[$1]) } next }
	/^#include "/ {
		seen++
		path = $2
		gsub(/"/, "", path)
		if (path ~ /\.pb-c\.h$/)
			next
		folder = parent(FILENAME)
		target = path ~ /\// ? parent(path) : folder
		known = row(folder)
		if (known == "")
			print FILENAME ": no row for " folder " in tests/lint/layers"
		else if (target != folder && index(may[known], " " target " ") == 0)
			print FILENAME ":" FNR ": " folder " may not include " path
	}
	END { exit !seen }' tests/lint/layers "${all[@]}"
}
complain_of "" against_the_arrows

# in_circles FOLDER - its nouns (NAME.c and NAME.h) that include one another by any way.
in_circles() {
	local edges
	edges=$(awk -v folder="$1" '
	/^#include "/ && $2 !~ /\.pb-c\.h"$/ {
		path = $2
		gsub(/"|\.h"$/, "", path)
		noun = FILENAME
		sub(/^.*\//, "", noun)
		sub(/\.[ch]$/, "", noun)
		if (substr(path, 1, length(folder) + 1) == folder "/" && substr(path, length(folder) + 2) != noun)
			print noun, substr(path, length(folder) + 2)
	}' "$1"/*.[ch]) || return
	[ -n "$edges" ] || return
	{ tsort <<<"$edges" 2>&1 >/dev/null || true; } | sed -n "s#^tsort: \([^:]*\)\$#$1/\1: is in a circle#p" | sort -u
}
for folder in runtime/pod runtime/shim; do
	complain_of "" in_circles "$folder"
done
finish
