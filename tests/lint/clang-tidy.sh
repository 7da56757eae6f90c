#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# clang-tidy - mistakes that compile: the checks below find nothing.
#
# It reads how files are compiled from the build that is tested.  What other checks say of this code is
# taste (names, braces, "magic" numbers) or its idioms (arrays of pointers, strcmp() as a truth).
. "$(dirname "$0")/common.sh"
need clang-tidy-14

build=${KATA_BUILD_DIR:-$top/build/dev}
checks='-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-suspicious-string-compare,
	-bugprone-narrowing-conversions,-bugprone-reserved-identifier,-bugprone-branch-clone,
	-bugprone-implicit-widening-of-multiplication-result,-bugprone-assignment-in-if-condition,
	-bugprone-sizeof-expression,-bugprone-macro-parentheses,-bugprone-not-null-terminated-result,
	-clang-diagnostic-*,misc-misplaced-const,
	cert-flp30-c,cert-pos44-c,readability-misleading-indentation,readability-redundant-control-flow,
	readability-duplicate-include'

take c_files "${code[@]}"
[ -f "$build/compile_commands.json" ] || die "no '$build/compile_commands.json'; './dev build' makes it"
printf '%s\n' "${all[@]}" | xargs -P 2 -n 30 clang-tidy-14 -p "$build" --quiet --extra-arg=-w --warnings-as-errors='*' \
	--checks="$(tr -d '\n\t' <<<"$checks")" 2>/dev/null || complain "clang-tidy complains"
finish
