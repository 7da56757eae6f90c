#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# replay - run a fuzz target over its corpus, and see that the corpus reaches its parser.
#
#   replay.sh PROGRAM CORPUS GCOV OBJECTS [FILE[:FUNCTION,...] | FILE:-FUNCTION,...]...
#
# A FILE of the tree was compiled into the target with counters (kata_fuzz() in tests/CMakeLists.txt):
# of its lines, or those of the functions named, or of all others (-), the corpus must run 90 %.
# The counts lie beside the target's OBJECTS.
set -euo pipefail

program=$1 corpus=$2 gcov=$3 objects=$4
least=90
shift 4
# A FILE's part of what gcov says, as {lines, run, missed}.
# shellcheck disable=SC2016 # the names are jq's
part='
	($functions | ltrimstr("-") | split(",")) as $names |
	[.[].files[] | select(("/" + .file) | endswith("/" + $file)) | .lines[] |
		select($functions == "" or
			(.function_name | IN($names[])) != ($functions | startswith("-")))] |
	group_by(.line_number) | map({line: .[0].line_number, count: (map(.count) | max)}) |
	"\(length) \(map(select(.count > 0)) | length) \(map(select(.count == 0).line) | join(" "))"'

find "$objects" -name '*.gcda' -delete
"$program" "$corpus"
[ $# -gt 0 ] || exit 0
report=$(mktemp "${TMPDIR:-/tmp}/kata-replay.XXXXXX")
trap 'rm -f "$report"' EXIT
find "$objects" -name '*.gcda' -exec "$gcov" --json-format --stdout {} + >"$report" 2>/dev/null
status=0
for what; do
	file=${what%%:*} functions=${what#"${what%%:*}"}
	read -r lines run missed < <(jq -rs --arg file "$file" --arg functions "${functions#:}" "$part" "$report")
	[ "$lines" -gt 0 ] || {
		echo "FAILED: $what: nothing of it is compiled into the target"
		status=1
		continue
	}
	echo "$what: $((run * 100 / lines)) % of $lines lines"
	[ $((run * 100)) -ge $((lines * least)) ] || {
		echo "FAILED: $what: the corpus runs less than $least %; not the lines $missed"
		status=1
	}
done
exit $status
