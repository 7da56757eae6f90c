#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# banned-calls - no call that STYLE.md, section 15, forbids.
#
# Comments are removed first.  The table: an extended regular expression, the files where it is
# forbidden, and the file where it is allowed all the same.
. "$(dirname "$0")/common.sh"

table='
(strcpy|strcat|sprintf|vsprintf|gets|strtok|strtok_r)[(]	.	-
(atoi|atol|atoll|atof)[(]	.	-
(strtol|strtoll|strtoul|strtoull)[(]	.	^lib/str.c:
(system|popen|alloca|usleep|sleep|nanosleep)[(]	.	-
(signal|readdir_r|gethostbyname|tmpnam|mktemp)[(]	.	-
(getpwnam|getpwuid|getgrnam)[(]	^agent/	-
'
code=$(mktemp)
trap 'rm -f "$code"' EXIT
for file in $(sources lib agent runtime deploy manager); do
	gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null | sed "s|^|$file: |"
done >"$code"
while IFS=$'\t' read -r pattern where allowed; do
	[ -n "$pattern" ] || continue
	while read -r hit; do
		complain "$hit"
	done < <(grep -E "(^|[^A-Za-z0-9_>.])$pattern" "$code" | grep -E "$where" | grep -vE -- "$allowed " || true)
done <<<"$table"
finish
