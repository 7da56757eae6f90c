#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# leftovers - nothing that says "not finished", no binary.
. "$(dirname "$0")/common.sh"

# These two name what is looked for.
mapfile -t all < <(files . | grep -vE '/corpus/|go\.sum$|^(tests/lint/leftovers\.sh|STYLE\.md)$')
while read -r hit; do
	complain "$hit"
done < <(grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' "${all[@]}" || true)
# -I takes a file with a NUL byte for one that matches nothing.
while read -r file; do
	complain "$file: a binary file"
done < <(comm -23 <(printf '%s\n' "${all[@]}" | sort) <(grep -lI '' "${all[@]}" | sort))
finish
