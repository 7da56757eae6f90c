#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# include-direction - every #include follows the arrows of tests/lint/layers.
#
# Headers of ours are named by their path from the top ("lib/str.h") or, inside one folder, by their
# name alone; generated ones (*.pb-c.h) and the system's are left alone.
. "$(dirname "$0")/common.sh"

row() { # FOLDER -> the folders it may name
	local folder=$1 found
	while [ "$folder" != . ]; do
		found=$(awk -v f="$folder" '$1 == f { $1 = ""; print f, $0 }' "$top/tests/lint/layers")
		[ -n "$found" ] && { echo "$found"; return; }
		folder=$(dirname "$folder")
	done
}

for file in $(sources lib agent runtime deploy manager); do
	folder=$(dirname "$file")
	allowed=" $folder $(row "$folder") "
	[ "$allowed" != " $folder  " ] || complain "$file: no row for '$folder' in tests/lint/layers"
	while IFS=: read -r line path; do
		case $path in
		*.pb-c.h) continue ;;
		*/*) target=$(dirname "$path") ;;
		*) target=$folder ;;
		esac
		case $allowed in
		*" $target "*) ;;
		*) complain "$file:$line: '$folder' may not include '$path'" ;;
		esac
	done < <(sed -n 's/^#include "\(.*\)"$/\1/p;=' "$file" | awk '/^[0-9]+$/ { n = $0; if (p) print n ":" p; p = ""; next } { p = $0 }')
done
finish
