#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# banned-calls - no call that STYLE.md, section 15, forbids.
#
# Comments are removed first.  The table: an extended regular expression, the files where it is
# forbidden, and the file where it is allowed all the same ("-": none).
. "$(dirname "$0")/common.sh"
need gcc

table='
(strcpy|strcat|sprintf|vsprintf|gets|strtok|strtok_r)[(]	.	-
(atoi|atol|atoll|atof)[(]	.	-
(strtol|strtoll|strtoul|strtoull)[(]	.	lib/str.c:
(system|popen|alloca|usleep|sleep|nanosleep)[(]	.	-
(signal|readdir_r|gethostbyname|tmpnam|mktemp)[(]	.	-
(getpwnam|getpwuid|getgrnam)[(]	^agent/	-
'
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
take sources "${code[@]}"
for file in "${all[@]}"; do
	gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null | sed "s|^|$file: |" ||
		die "gcc cannot read $file"
done >"$stripped"
[ -s "$stripped" ] || die "gcc left nothing of ${#all[@]} files"

banned() { # PATTERN WHERE ALLOWED
	matches -E "(^|[^A-Za-z0-9_>.])$1" "$stripped" | matches -E "$2" | matches -vE "^$3 "
}
while IFS=$'\t' read -r pattern where allowed; do
	[ -z "$pattern" ] || complain_of "" banned "$pattern" "$where" "$allowed"
done <<<"$table"
finish
