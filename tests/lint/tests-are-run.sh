#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests-are-run - no test lies in the tree and is never run.
#
# A program must be named to cmake, a fuzz target have a corpus and a parser whose lines are counted, a lint
# stand in the list, a script be executable: tests/run passes over the others without a word.  Nor is one run twice.
. "$(dirname "$0")/common.sh"

take files 'tests/unit/test_*.c'
for file in "${all[@]}"; do
	grep -qF "kata_unit_test($(basename "$file") " tests/unit/*.cmake || complain "$file: no kata_unit_test() names it"
done
take files 'tests/fuzz/fuzz_*.c'
for file in "${all[@]}"; do
	name=$(basename "$file" .c)
	row=$(awk -v row="kata_fuzz($name.c" 'index($0, row) == 1 { on = 1 } on; /[)]$/ { on = 0 }' tests/fuzz/*.cmake)
	[[ $row == *PARSES* ]] || complain "$file: no kata_fuzz() names it and what it PARSES"
	[ -n "$(ls "tests/fuzz/corpus/${name#fuzz_}" 2>/dev/null)" ] || complain "$file: it has no corpus"
done
take files 'tests/lint/*.sh'
for file in "${all[@]}"; do
	name=$(basename "$file" .sh)
	[ "$name" = common ] || sed -n '/^foreach/p' tests/lint/CMakeLists.txt | grep -qE "[ (]${name}[ )]" ||
		complain "$file: the list in CMakeLists.txt has no '$name'"
done
# What is not executable is sourced by a test of the same folder.
take files 'tests/it/*.sh' 'tests/cluster/t/*.sh'
for file in "${all[@]}"; do
	[ -x "$file" ] || grep -lqE "^(\.|source) .*/$(basename "$file")\"?$" "$(dirname "$file")"/*.sh ||
		complain "$file: not executable, so it is not run"
	# One that only the full tier has would run there without a variant as well.
	! grep -qx '# tier: full' "$file" || ! grep -q '^# variants.full:' "$file" ||
		complain "$file: its variants are 'variants', as its tier is full"
done
finish
