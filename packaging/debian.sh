# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# debian.sh - fetch Debian source packages; sourced after recipe.sh.
#
# Through apt, which checks the signatures, but with a state of its own: the host's lists are neither
# read for this nor written, and the deb-src lines are made from the archives the host already uses.

# deb_sources - make apt-src/, the private apt state.  Once per recipe, before deb_source.
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
	apt_src apt-get -qq update || die "apt cannot read the lists of source packages"
}

apt_src() { # APT-COMMAND ARGUMENT...
	local command=$1
	shift
	"$command" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt_state/parts" \
		-o Dir::State::Lists="$apt_state/lists" -o Dir::Cache="$apt_state/cache" \
		-o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}
apt_state=$PWD/apt-src

# deb_versions PACKAGE - the versions apt can offer, newest first.
deb_versions() {
	apt_src apt-cache showsrc --only-source "$1" |
		awk '/^Version:/ && !seen[$2]++ { print $2 }' | sort -rV
}

# deb_fetch PACKAGE FOLDER - download the newest version that the archive really has into FOLDER.
# A mirror can list a version before it has it, or after it is gone; what it sent of such a one is
# not kept, so that FOLDER holds one .dsc.
deb_fetch() {
	local version
	for version in $(deb_versions "$1"); do
		mkdir "$2"
		if (cd "$2" && apt_src apt-get -qq source --download-only --only-source "$1=$version"); then
			return 0
		fi
		rm -rf "$2"
		say "note: the archive lists $1 $version but cannot send it; trying an older one"
	done
	die "apt cannot fetch the source package '$1'"
}

# deb_source COMPONENT - fetch and unpack its source package, Debian's patches applied, into a folder
# of the component's last name; the version goes to a file beside it, .version added.
deb_source() {
	local package dsc version folder=${1##*/}
	package=$(field "$1" package)
	[ -n "$package" ] || die "no package for '$1' in packaging/versions.yaml"
	deb_fetch "$package" "fetch-$folder"
	dsc=$(echo "fetch-$folder"/*.dsc)
	version=$(awk '/^Version:/ { print $2; exit }' "$dsc")
	check_version "$1" "$version"
	check_digest "$1" "$version" "$dsc"
	dpkg-source --no-check -x "$dsc" "$folder" >/dev/null
	rm -rf "fetch-$folder"
	echo "$version" >"$folder.version"
}
