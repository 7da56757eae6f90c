#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# include-direction - every #include follows the arrows of tests/lint/layers.
#
# Headers of ours are named by their path from the top ("lib/str.h") or, inside one folder, by their
# name alone; generated ones (*.pb-c.h) and the system's are left alone.
. "$(dirname "$0")/common.sh"
need awk

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
finish
