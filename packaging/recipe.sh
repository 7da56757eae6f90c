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

# keep_copyright - leave the licences of what was built in the artefact.
#
# Reads lines "PART<tab>FILE": a part is "KIND NAME VERSION", where KIND says what its source comes
# with (debian, crate, rust), and FILE is a licence or copyright text of it.  Writes `copyright`,
# which holds each distinct text once, below all it is the text of, and then those that Debian's
# files only name; and `version.parts`, the parts.
keep_copyright() {
	local list=$PWD/copyright.list part file id
	LC_ALL=C sort -u | while IFS=$'\t' read -r part file; do
		[ -s "$file" ] || die "missing $file, the licence of $part; reinstall its package"
		printf '%s\t%s\t%s\n' "$(sha256sum <"$file" | cut -d' ' -f1)" "$part" "$file"
	done >"$list"
	cut -f2 "$list" | LC_ALL=C sort -u >"${out:?}/version.parts"
	cut -f3 "$list" | tr '\n' '\0' |
		xargs -0 sed -nE 's#.*(/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]).*#\1#p' |
		LC_ALL=C sort -u | while read -r file; do
			[ ! -f "$file" ] || printf '%s\tcommon licence\t%s\n' "$file" "$file"
		done >"$list.common"
	cat "$list.common" >>"$list"
	cut -f1 "$list" | awk '!seen[$0]++' | while read -r id; do
		awk -F'\t' -v id="$id" '$1 == id { sub(/.*\//, "", $3); print "=== " $2 ", " $3 }' "$list"
		printf '\n'
		awk -F'\t' -v id="$id" '$1 == id { print $3; exit }' "$list" | tr '\n' '\0' | xargs -0 cat
		printf '\n\n'
	done >"$out/copyright"
	chmod 0644 "$out/copyright" "$out/version.parts"
}

# package_copyright PACKAGE... - lines for keep_copyright about installed Debian packages.
package_copyright() {
	local package
	for package; do
		printf 'debian %s %s\t%s\n' "$package" "$(dpkg-query -W -f '${Version}' "$package")" \
			"/usr/share/doc/$package/copyright"
	done
}

# linked_packages FILE - the Debian packages whose archives and objects the linker took, from the
# file it wrote for --dependency-file.
linked_packages() {
	grep -oE '/usr/[^ :]+\.(a|o)' "$1" | sort -u | tr '\n' '\0' | xargs -0 realpath | sort -u |
		tr '\n' '\0' | xargs -0 dpkg-query -S | cut -d: -f1 | sort -u
}
