# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# recipe.sh - what every artefact recipe shares; sourced, with KATA_TOP set.
#
# Only reading versions.yaml and fetching Debian sources.  Packages come through apt, so their
# signatures are checked by it; the version and digest in versions.yaml say what was tried.  Debian
# keeps one version of a package at a time: when it has moved on, the recipe says so and goes on
# with the newer one, because a build that refuses security updates is worse than one that differs.

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

# check_version NAME FOUND - compare with versions.yaml; a newer one is a remark, not an error.
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

# deb_sources - make apt-src/, a private apt state that knows source packages.
#
# The host's own lists are neither read for this nor written: deb-src lines are made from the
# Debian archives that the host already uses.
deb_sources() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f "$key" ] || die "missing $key; install the package debian-archive-keyring"
	mkdir -p apt-src/parts apt-src/lists/partial apt-src/cache/archives/partial
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' |
		awk -v key="$key" '$1 == "Debian" && !seen[$0]++ {
			print "deb-src [signed-by=" key "]", $2, $3, $4
		}' >apt-src/parts/debian.list
	[ -s apt-src/parts/debian.list ] ||
		die "apt knows no Debian archive here; run 'apt-get update' and try again"
	apt_source_get -qq update
}

apt_source_get() {
	apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$PWD/apt-src/parts" \
		-o Dir::State::Lists="$PWD/apt-src/lists" -o Dir::Cache="$PWD/apt-src/cache" \
		-o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

# deb_source NAME - fetch and unpack the source package of component NAME into ./NAME.
#
# Prints nothing; leaves the version in NAME.version.  Debian's patches are applied.
deb_source() {
	local package dsc version
	package=$(field "$1" package)
	[ -n "$package" ] || die "no package for '$1' in packaging/versions.yaml"
	mkdir "fetch-$1"
	(cd "fetch-$1" && ln -s ../apt-src apt-src &&
		apt_source_get -qq source --download-only --only-source "$package") ||
		die "apt cannot fetch the source package '$package'"
	dsc=$(echo "fetch-$1"/*.dsc)
	version=$(awk '/^Version:/ { print $2; exit }' "$dsc")
	check_version "$1" "$version"
	check_digest "$1" "$version" "$dsc"
	dpkg-source --no-check -x "$dsc" "$1" >/dev/null
	rm -rf "fetch-$1"
	echo "$version" >"$1.version"
}
