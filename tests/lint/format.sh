#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# format - clang-format would change nothing, no line ends in blanks, README.md fits a terminal.
. "$(dirname "$0")/common.sh"
need clang-format-14

take sources "${code[@]}" tests packaging
clang-format-14 --dry-run -Werror "${all[@]}" >/dev/null 2>&1 || {
	for file in "${all[@]}"; do
		clang-format-14 --dry-run -Werror "$file" >/dev/null 2>&1 || complain "$file: run clang-format-14 -i"
	done
}

texts() { files '*.c' '*.h' '*.sh' '*.md' '*.txt' '*.cmake' dev | matches -v /corpus/; }
blanks() { matches -nE '[[:blank:]]+$' "${all[@]}" | cut -d: -f1,2; }
take texts
complain_of "blank at the end of the line" blanks

long() { awk 'length > 120 { print FILENAME ":" FNR }' README.md; }
complain_of "a line over 120 columns" long
finish
