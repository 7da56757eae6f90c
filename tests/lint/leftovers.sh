#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# leftovers - nothing that says "not finished", no binary.
. "$(dirname "$0")/common.sh"

# These two name what is looked for.
names="tests/lint/leftovers.sh STYLE.md"
for file in $(files . | grep -vE '/corpus/|go\.sum$'); do
	case " $names " in *" $file "*) continue ;; esac
	while read -r hit; do
		complain "$file:$hit"
	done < <(grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' "$file" || true)
	if [ "$(head -c 8000 "$file" | tr -d '\0' | wc -c)" != "$(head -c 8000 "$file" | wc -c)" ]; then
		complain "$file: a binary file"
	fi
done
finish
