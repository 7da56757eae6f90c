#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mutants - break a promise at a time and see a unit test fail: mutants [--stale] [PATTERN]...
#
# mutants/*.txt are the tables.  A row is a line "= FILE | TEST | PROMISE", then lines to be found in FILE
# as they are, once ("-" in front), and what comes in their place ("+"), as often as needed where one
# break is held twice.  Of a copy of the tree, built without sanitizers, only TEST is built and run for
# each row.  It is killed when TEST fails, and has survived when it passes; one that does not apply or
# does not compile, or whose test fails without it, is stale, a fault of the table.  PATTERN is a shell
# pattern for files; --stale only looks whether the rows apply.  docs/reliability.md keeps the results.
set -euo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
room=${KATA_MUTANTS_DIR:-$top/build/mutants}
tree=$room/tree
build=$room/build
seconds=60
killed=0 survived=0 stale=0

copy_tree() {
	mkdir -p "$tree"
	# What is the same keeps its time, so that it is not compiled again.
	(cd "$top" && git ls-files -co --exclude-standard | while read -r path; do
		[ ! -f "$path" ] || cmp -s "$path" "$tree/$path" || cp --parents -P "$path" "$tree"
	done)
	cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O0 >"$room/cmake.log" || {
		tail -n 20 "$room/cmake.log"
		exit 2
	}
}

# Puts each new where its old stands in FILE; fails unless every one stands there once.
mutate() { # FILE
	local text rest i
	text=$(cat "$from/$1" && echo .) || return 1
	for i in "${!old[@]}"; do
		rest=${text//"${old[i]}"}
		[ $((${#text} - ${#rest})) = ${#old[i]} ] || return 1
		text=${text/"${old[i]}"/"${new[i]:-}"}
	done
	[ -n "$only_look" ] || {
		cp "$tree/$1" "$room/whole"
		printf '%s' "${text%.}" >"$tree/$1"
	}
}

# A fuzz target is run over its corpus.  Many a test dies of a break, and leaves its files.
run_test() { # TEST
	local status=0
	TMPDIR=$(mktemp -d /tmp/kata-mutant.XXXXXX)
	export TMPDIR
	case $1 in
	fuzz_*) timeout --kill-after=5 $seconds "$build/tests/fuzz/$1" "$tree/tests/fuzz/corpus/${1#fuzz_}" || status=$? ;;
	*) (cd "$build/tests/unit" && timeout --kill-after=5 $seconds "./$1") || status=$? ;;
	esac
	rm -rf --one-file-system "$TMPDIR"
	return "$status"
}

# Once per test, without a break.
declare -A passes=()
passes_whole() { # TEST
	[ -n "${passes[$1]:-}" ] || {
		passes[$1]=no
		! ninja -C "$build" -j1 "$1" >"$room/ninja.log" 2>&1 ||
			! (run_test "$1") >"$room/test.log" 2>&1 </dev/null || passes[$1]=yes
	}
	[ "${passes[$1]}" = yes ]
}

# What the row's test says of it: sets verdict.
try() { # FILE TEST
	verdict=stale
	[ -n "$only_look" ] || passes_whole "$2" || return 0
	mutate "$1" || return 0
	verdict=applies
	[ -z "$only_look" ] || return 0
	verdict=stale
	if ninja -C "$build" -j1 "$2" >"$room/ninja.log" 2>&1; then
		verdict=killed
		! (run_test "$2") >"$room/test.log" 2>&1 </dev/null || verdict=SURVIVED
	fi
	cp "$room/whole" "$tree/$1"
}

wanted() { # FILE
	local pattern
	[ ${#patterns[@]} -gt 0 ] || return 0
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053 # the right side is meant as a pattern
		[[ $1 != $pattern ]] || return 0
	done
	return 1
}

end_row() {
	[ -n "$file" ] || return 0
	wanted "$file" || return 0
	try "$file" "$test"
	case $verdict in
	killed) killed=$((killed + 1)) ;;
	SURVIVED) survived=$((survived + 1)) ;;
	stale) stale=$((stale + 1)) ;;
	esac
	printf '%-9s %-38s %-22s %s\n' "$verdict" "$file" "$test" "$promise"
}

read_table() { # FILE
	local line file='' test='' promise='' last=+ old=() new=()
	while IFS= read -r line; do
		case $line in
		=*)
			end_row
			IFS='|' read -r file test promise <<<"${line#= }"
			read -r file <<<"$file"
			read -r test <<<"$test"
			read -r promise <<<"$promise"
			old=() new=()
			;;
		-*)
			[ "$last" = - ] || old+=('')
			old[-1]+=${line#-}$'\n'
			;;
		+*) new[${#old[@]}-1]+=${line#+}$'\n' ;;
		esac
		last=${line:0:1}
	done <"$1"
	end_row
}

only_look=
[ "${1:-}" != --stale ] || { only_look=yes && shift; }
patterns=("$@")
from=$top
[ -n "$only_look" ] || {
	copy_tree
	from=$tree
}
for table in "$top"/tests/torture/mutants/*.txt; do
	read_table "$table"
done
echo "$killed killed, $survived survived, $stale stale"
[ $((survived + stale)) = 0 ]
