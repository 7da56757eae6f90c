# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# debian-tree.sh - a folder of Debian's packages for a container image; sourced after recipe.sh.
#
# Packages come from the archives this machine's apt uses, checked by its signatures.

archives() { # SUITE
	local key=/usr/share/keyrings/debian-archive-keyring.gpg
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' |
		awk -v key="$key" -v suite="$1" '$1 == "Debian" && index($3, suite) == 1 && !seen[$0]++ {
			print "deb [signed-by=" key "]", $2, $3, $4
		}'
}

# debian_tree SUITE VARIANT LIST FOLDER ARGUMENT... - the packages of LIST (a file, # comments) and what they need;
# VARIANT as mmdebstrap has it: "extract" only unpacks, "essential" also sets them up.
debian_tree() {
	local suite=$1 variant=$2 list=$3 folder=$4
	shift 4
	need mmdebstrap
	archives "$suite" >sources
	[ -s sources ] || die "apt knows no archive of Debian $suite here; run 'apt-get update'"
	nice mmdebstrap --mode=root --variant="$variant" --format=directory \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		"$@" --include="$(sed 's/ *#.*//; /^$/d' "$list" | paste -sd,)" "$suite" "$folder" sources
	rm -rf "${folder:?}"/var/cache/apt/* "$folder"/var/lib/apt/lists/*
}
