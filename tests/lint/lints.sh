#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lints - each lint test fails where it has nothing to look at, and where a checker of its is missing; none of our
# folders is left out.
#
# Each runs in a tree without a file of ours, and then once for each checker that it calls, with a PATH
# that has all but this one.
. "$(dirname "$0")/common.sh"

checkers=(clang-format-14 clang-tidy-14 codespell cppcheck gcc pmccabe shellcheck)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

# fails NAME WANTED WHAT PATH - the lint ends badly in the empty tree and says WANTED.
fails() {
	local output
	if output=$(PATH=$4 timeout 60 "$room/tree/tests/lint/$1.sh" 2>&1); then
		complain "lint/$1 passes $3"
	elif [[ $output != *$2* ]]; then
		complain "lint/$1 $3 does not say \"$2\", but \"$output\""
	fi
}

empty_tree() {
	mkdir -p "$room/tree/tests" "$room/bin"
	cp -r tests/lint "$room/tree/tests/"
	echo 1.0.0 >"$room/tree/VERSION"
	git -C "$room/tree" init -q
	printf '/*\n' >"$room/tree/.gitignore"
}

all_but() { # TOOL: sets path
	rm -rf "${room:?}/bin"
	mkdir "$room/bin"
	ln -s /usr/bin/* "$room/bin/" 2>/dev/null || true
	rm -f "$room/bin/$1"
	path=$room/bin
}

folders() { files '*.c' | cut -d/ -f1 | matches -vxE 'tests|packaging' | sort -u; }
take folders
expected=$(printf '%s\n' "${code[@]}" | sort)
[ "$expected" = "$(printf '%s\n' "${all[@]}")" ] || complain "common.sh looks at ${code[*]}, and there is C in ${all[*]}"

empty_tree
take files 'tests/lint/*.sh'
for file in "${all[@]}"; do
	name=$(basename "$file" .sh)
	case $name in common | lints) continue ;; esac
	fails "$name" "no file is like" "where there is nothing to look at" "$PATH"
done
for checker in "${checkers[@]}"; do
	all_but "$checker"
	for file in "${all[@]}"; do
		name=$(basename "$file" .sh)
		[ "$name" != lints ] || continue
		! grep -qE "^[^#]*\b$checker\b" "$file" ||
			fails "$name" "the tool '$checker' is missing" "without $checker" "$path"
	done
done
finish
