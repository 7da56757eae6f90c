#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# stage.sh - lay the packages of a distribution out, each in a folder of its own.  Sourced by the packers.
#
# They are made of a packed release, DIST/kata: nothing is compiled, and each file of MANIFEST goes into the one package
# that packaging/release/layout names.  Times are those of the tree, so equal trees give equal packages.
# shellcheck disable=SC2154 # top, dist, zsh_folder and licence_folder come from who sources this
# shellcheck disable=SC2034 # some are for who sources this
table=$top/packaging/parts/packages
layout=$top/packaging/release/layout
parts=usr/lib/kata-containers
release=$dist/kata

die() { echo "packages: $*" >&2; exit 1; }
[ -f "$release/MANIFEST" ] || die "no release in '$dist'; './dev package' makes one"
version=$(awk '$1 == "version" { print $2 }' "$release/MANIFEST")
# What comes before a version sorts before it.
package_version=${version//-/\~}
# Who keeps the packages; whoever publishes them says so.
maintainer=${KATA_MAINTAINER:-Kata Containers in C <packages@kata-containers-c.example.org>}

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git --no-optional-locks -c safe.directory="$top" -C "$top" log -1 --format=%ct 2>/dev/null) ||
		SOURCE_DATE_EPOCH=0
fi
export SOURCE_DATE_EPOCH

package_names() { sed -nE 's/^([a-z0-9-]+) *\|.*/\1/p' "$table"; }

# package_field NAME NUMBER - a column of the table; nothing for "-".
package_field() {
	awk -F' *[|] *' -v name="$1" -v n="$2" '$1 == name && $n != "-" { print $n }' "$table"
}

# part_paths NAME - what it has of the release.
part_paths() {
	awk -v name="$1" '!/^#/ && $2 == name { print $3 }' "$layout"
	[ "$1" != kata-runtime ] || (cd "$release" && ls -d MANIFEST MANIFEST.minisig 2>/dev/null) || true
}

# put FILE MODE PATH - in the package's tree.
put() { install -D -m "$2" "$1" "$tree/$3"; }

stage_part() {
	local path page
	for path in $(part_paths "$name"); do
		mkdir -p "$tree/$parts/$(dirname "$path")"
		cp -P --preserve=mode "$release/$path" "$tree/$parts/$path" || die "the release has no '$path'"
		[[ $path == share/man/* ]] || continue
		page=$tree/usr/$path.gz
		mkdir -p "$(dirname "$page")"
		gzip -9nc "$release/$path" >"$page"
	done
}

stage_completion() { # PROGRAM FROM
	local row shell path
	for row in "bash usr/share/bash-completion/completions/$1" "zsh $zsh_folder/_$1" \
		"fish usr/share/fish/vendor_completions.d/$1.fish"; do
		read -r shell path <<<"$row"
		mkdir -p "$tree/$(dirname "$path")"
		"$release/$2" completion "$shell" >"$tree/$path" || die "'$1' completes nothing for $shell"
	done
}

stage_paths() {
	local package kind path from
	while read -r package kind path from; do
		[ "$package" = "$name" ] || continue
		case $kind in
		link) mkdir -p "$tree/$(dirname "$path")" && ln -s "$from" "$tree/$path" ;;
		file) put "$top/$from" 0755 "$path" ;;
		completion) stage_completion "$path" "$from" ;;
		*) die "packaging/parts/paths: unknown kind '$kind'" ;;
		esac
	done < <(grep -v '^#' "$top/packaging/parts/paths")
}

# Texts that a machine of Debian has anyway are named (packaging/recipe.sh, keep_copyright, says how parts are told).
name_common_licences() {
	awk '
		/^=== / { if (!headings) common = 1; headings = headings $0 "\n"; if (!/^=== common licence, /) common = 0; next }
		headings {
			printf "%s", headings
			if (common) print "\nOn Debian systems: /usr/share/common-licenses/" name(headings) "\n"
			headings = ""
		}
		!common
		function name(lines) { sub(/^=== common licence, /, "", lines); sub(/\n.*/, "", lines); return lines }'
}

# Ours, then those of everything that the package has.
stage_copyright() {
	local part file=$tree/$licence_folder/$name/copyright
	mkdir -p "$(dirname "$file")"
	{
		cat "$top/packaging/parts/copyright"
		for part in $(package_field "$name" 2); do
			printf '\n==== %s ====\n\n' "$part"
			name_common_licences <"$release/share/licenses/$part/copyright"
		done
	} >"$file"
}

# stage NAME TREE - all that the package puts on a machine.
stage() {
	local name=$1 tree=$2
	mkdir -p "$tree"
	stage_part
	stage_paths
	stage_copyright
	find "$tree" -type d -exec chmod 0755 {} +
	find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
