#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# page.sh - write a manual page from what a program says of itself, or from the table of keys.
#
#   packaging/man/page.sh NAME.8 BUILD      from `BUILD/bin/NAME --help`, and NAME.1
#   packaging/man/page.sh NAME.5 BUILD      from docs/configuration.md, which is made of the table itself
#
# Rows "  TERM   TEXT" become tagged paragraphs, "Word:" a section, "usage:" the synopsis, the rest the description.
# One date for all, so that equal trees give equal bytes: none.
set -euo pipefail
export LC_ALL=C
[ $# = 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
name=${1%.*} section=${1##*.}

purpose() {
	case $name in
	kata-deploy) echo "install, keep and remove Kata on a node of a cluster" ;;
	kata-collect-data) echo "write one report of this machine for who is to help" ;;
	kata-manager) echo "install, keep and remove Kata on a machine without Kubernetes" ;;
	kubectl-kata) echo "look at the installations of Kata in a cluster, as kubectl kata" ;;
	kata-runtime) echo "look at this host and at the sandboxes on it" ;;
	kata-configuration) echo "what sandboxes are made of" ;;
	*) echo "page.sh: nobody says what '$name' is for" >&2 && return 1 ;;
	esac
}

# A program's help has no line that begins like a request, but for those written here.
escape() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g'; }

of_program() {
	"$1/bin/$name" --help | awk '
		# Where the last column of the section begins, from its first row.
		function column(row,   at) {
			at = 3
			while (match(substr(row, at), /   *[^ ]/))
				at += RSTART + RLENGTH - 2
			return at
		}
		/^[Uu]sage:/ { sub(/^[Uu]sage: /, ""); print ".SH SYNOPSIS"; print; next }
		/^[A-Za-z]+:$/ { sub(/:/, ""); print ".SH " toupper($0); col = 0; listed = 1; next }
		/^  [^ ]/ {
			if (!col)
				col = column($0)
			term = length($0) < col ? substr($0, 3) : substr($0, 3, col - 3)
			text = length($0) < col ? "" : substr($0, col)
			sub(/ *$/, "", term)
			print ".TP"; print ".B " term; print text == "" ? ".br" : text
			next
		}
		/^$/ { next }
		{ print (listed ? ".PP" : ".SH DESCRIPTION"); print }' | escape
}

of_table() {
	# Each row has the cells key, value, default, annotation and meaning; code marks become bold.
	escape <"$top/docs/configuration.md" | awk -F' \\| ' '
		/^# / || /^<!/ || /^\|\\-/ || /^\| key/ { next }
		/^\| table/ { of_others = 1; next }
		of_others && /^\| / {
			gsub(/^\| |`/, "", $1); gsub(/`/, "", $2); sub(/^\.\.\.$/, "*", $2); sub(/ ?\|$/, "", $4)
			print ".TP"; print ".B " $1 "." $2
			print "Taken: " $3 "." ($4 == "" ? "" : " Else it asks for " $4 ".")
			next
		}
		/^## / { sub(/^## /, ""); print ".SH " $0; next }
		/^\| / {
			sub(/^\| /, "", $1); sub(/ \|$/, "", $5); gsub(/`/, "", $1)
			print ".TP"; print ".B " $1
			line = $5 " Value: " $2 "; default: " $3 "."
			if ($4 != "" && $4 != " ") line = line " Annotation: " $4 "."
			print line; next
		}
		/^$/ { if (began) print ".PP"; next }
		/^[0-9]+\. / { print ".IP " substr($0, 1, index($0, " ") - 1) " 4"; print substr($0, index($0, " ") + 1); next }
		{ if (!began) { print ".SH DESCRIPTION"; began = 1 } print }' |
		sed -E -e 's/`([^`]*)`/\\fB\1\\fR/g' -e 's/ \*([a-z]+)\* / \\fI\1\\fR /g' -e 's/^ +//'
}

echo ".TH ${name^^} $section \"\" \"Kata $(cat "$top/VERSION")\""
echo ".SH NAME"
echo "$name \\- $(purpose)"
case $section in
1 | 8) of_program "$2" ;;
5) of_table ;;
*) echo "page.sh: no pages of section '$section'" >&2 && exit 2 ;;
esac
