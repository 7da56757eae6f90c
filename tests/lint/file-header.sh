#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# file-header - every file names its licence, and every .c file its purpose.
. "$(dirname "$0")/common.sh"

take files '*.c' '*.h' '*.sh' '*.cmake' '*CMakeLists.txt' '*.proto' dev .ci/run
for file in "${all[@]}"; do
	case $file in */corpus/*) continue ;; esac
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		complain "$file: no SPDX-License-Identifier in its first two lines"
done
take c_files "${code[@]}" tests
for file in "${all[@]}"; do
	head -n 4 "$file" | grep -qE '^ \* [a-z][a-z0-9_-]+ - ' ||
		complain "$file: the header comment does not begin with 'name - purpose'"
done
finish
