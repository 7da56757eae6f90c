#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# junit.sh - the results of tests/run as JUnit XML, which continuous integration shows.
#
#   tests/junit.sh RESULTS >junit.xml
#
# A test is a suite; its cases are those that a cmocka program names, else itself.  Passed, failed and
# skipped add up to what tests/run counts.  A failure carries the end of its log.
set -euo pipefail

# XML has no place for other control characters, nor for bytes that are not UTF-8.
text_of() { iconv -c -f UTF-8 -t UTF-8 "$1" | tr -d '\000-\010\013-\037\177'; }

escaped() { sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'; }

# "STATUS NAME" of each case that LOG names, each once; STATUS is OK, FAILED or SKIPPED.
cases() { # LOG
	text_of "$1" | sed -nE 's/^\[ +(OK|FAILED|SKIPPED) +\] ([a-z0-9_]+)$/\1 \2/p' | sort -u
}

# What a case that did not pass has inside.
reason() { # STATUS LOG
	case $1 in
	FAILED) echo "<failure message=\"$(text_of "$2" | { grep -m1 FAILED || true; } | escaped)\">$(text_of "$2" | tail -n 40 | escaped)</failure>" ;;
	SKIPPED) echo "<skipped message=\"$(text_of "$2" | { grep -m1 -i SKIPPED || true; } | sed 's/^SKIPPED: //' | escaped)\"/>" ;;
	esac
}

show_case() { # TEST CASE STATUS LOG SECONDS
	printf '    <testcase classname="%s" name="%s" time="%s">%s</testcase>\n' \
		"$(escaped <<<"${1//\//.}")" "$(escaped <<<"$2")" "$5" "$(reason "$3" "$4")"
}

show_test() { # NAME PASSED FAILED SKIPPED VERDICT LOG SECONDS
	local status name found=''
	printf '  <testsuite name="%s" tests="%d" failures="%d" skipped="%d" errors="0" time="%s">\n' \
		"$(escaped <<<"$1")" $(($2 + $3 + $4)) "$3" "$4" "$7"
	while read -r status name; do
		[ -n "$status" ] || continue
		show_case "$1" "$name" "$status" "$6" 0
		[ "$status" != FAILED ] || found=failure
		found=${found:-cases}
	done <<<"$(cases "$6")"
	# It has no cases, or all of them passed and it failed all the same (a sanitizer, its time).
	if [ -z "$found" ] || { [ "$5" = FAILED ] && [ "$found" != failure ]; }; then
		case $5 in
		passed) status=OK ;;
		skipped) status=SKIPPED ;;
		*) status=FAILED ;;
		esac
		show_case "$1" "${1#*/}" "$status" "$6" "$7"
	fi
	echo "  </testsuite>"
}

awk -F'\t' 'BEGIN { print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>" }
	{ p += $2; f += $3; s += $4; t += $7 }
	END { printf "<testsuites name=\"kata\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" errors=\"0\" time=\"%d\">\n",
		p + f + s, f, s, t }' "$1"
sort "$1" | while IFS=$'\t' read -r name passed failed skipped verdict log seconds; do
	show_test "$name" "$passed" "$failed" "$skipped" "$verdict" "$log" "$seconds"
done
echo "</testsuites>"
