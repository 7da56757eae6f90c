# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# recipe.sh - what every artefact recipe shares; sourced, with KATA_TOP set.
#
# The version and digest in versions.yaml say what was tried.  Debian keeps few versions of a package
# at a time: when it has moved on, the recipe says so and goes on with another one, because a build
# that refuses security updates is worse than one that differs.  What a package manager brought, it
# has checked by signature.

say() { echo "${0##*/}: $*" >&2; }
die() { say "$@"; exit 1; }

# field COMPONENT KEY - the value in versions.yaml, or nothing.
field() {
	awk -v component="  $1:" -v key="    $2:" '
		$0 == component { on = 1; next }
		on && /^ ? ?[^ ]/ { exit }
		on && index($0, key) == 1 {
			value = substr($0, length(key) + 1)
			gsub(/^[ "]+|[ "]+$/, "", value)
			print value
		}' "$KATA_TOP/packaging/versions.yaml"
}

# need COMMAND... - fail with the names of all that are missing.
need() {
	local missing=() command
	for command; do
		command -v "$command" >/dev/null || missing+=("$command")
	done
	[ ${#missing[@]} -eq 0 ] ||
		die "missing commands: ${missing[*]}; the list of Debian packages is packaging/packages"
}

# check_version NAME FOUND - compare with versions.yaml; another one is a remark, not an error.
check_version() {
	local wanted
	wanted=$(field "$1" version)
	[ "$2" = "$wanted" ] ||
		say "note: $1 is '$2', packaging/versions.yaml was written for '$wanted'"
}

# check_digest NAME VERSION FILE - for the recorded version the bytes must be the recorded ones.
check_digest() {
	local wanted got
	[ "$2" = "$(field "$1" version)" ] || return 0
	wanted=$(field "$1" sha256)
	got=$(sha256sum "$3" | cut -d' ' -f1)
	[ "$wanted" = "$got" ] ||
		die "$3 has sha256 $got, packaging/versions.yaml says $wanted for $1 $2"
}
