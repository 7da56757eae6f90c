#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# size - no function over 100 lines or complexity 20, no file over 1,000 lines.
#
# pmccabe prints: modified complexity, complexity, statements, first line, lines, file(line): name.
# A table has no complexity and is not a function, so nothing needs an exemption.
. "$(dirname "$0")/common.sh"
need pmccabe

take c_files "${code[@]}" tests
functions() { pmccabe "${all[@]}" 2>/dev/null; }
take functions
while read -r _ complexity _ _ lines place; do
	[ "$complexity" -le 20 ] || complain "$place: complexity $complexity"
	[ "$lines" -le 100 ] || complain "$place: $lines lines"
done < <(printf '%s\n' "${all[@]}")

written() { files "${code[@]}" tests packaging dev | matches -vE '/corpus/|\.(sum|json|golden|patch)$'; }
take written
for file in "${all[@]}"; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 1000 ] || complain "$file: $lines lines"
done
finish
