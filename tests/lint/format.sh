#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# format - clang-format would change nothing, no line ends in blanks.
. "$(dirname "$0")/common.sh"

mapfile -t all < <(sources lib agent runtime deploy manager tests packaging)
clang-format-14 --dry-run -Werror "${all[@]}" >/dev/null 2>&1 || {
	for file in "${all[@]}"; do
		clang-format-14 --dry-run -Werror "$file" >/dev/null 2>&1 || complain "$file: run clang-format-14 -i"
	done
}
while read -r hit; do
	complain "$hit: blank at the end of the line"
done < <(files '*.c' '*.h' '*.sh' '*.md' '*.txt' '*.cmake' dev | grep -v /corpus/ | xargs -r grep -nE '[[:blank:]]+$' | cut -d: -f1,2)
finish
