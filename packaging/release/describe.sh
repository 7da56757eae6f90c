#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# describe.sh - say beside the archive what a release consists of and what made it.  Sourced by build.sh.
#
# Two documents, whose meaning docs/formats.md has: an SBOM (SPDX 2.3) and a provenance (an in-toto statement with a
# predicate of SLSA).  They are made from what is there: the release's files, its `components`, the table `licences`,
# versions.yaml and git.  They are no part of the release: a document cannot list itself, and the commit that they
# name would make each commit another release.
#
# Equal trees and archives give equal documents.  Their one time is $SOURCE_DATE_EPOCH, without it the commit's, and
# without git 0; what is unique in them is a digest.  $KATA_SOURCE_URI and $KATA_BUILDER_ID are for who publishes: where
# the commit is found, and who ran this.
# shellcheck disable=SC2154 # top, tree, work, version, arch and archive come from build.sh
KATA_TOP=$top
. "$top/packaging/recipe.sh" # field

here=$top/packaging/release

in_git() { git --no-optional-locks -c safe.directory="$top" -C "$top" "$@" 2>/dev/null; }

# commit - of the tree; nothing without git, or when the tree only lies in another one's.
commit() {
	[ "$(in_git rev-parse --show-toplevel)" != "$top" ] || in_git rev-parse --verify HEAD
}

# created COMMIT
created() {
	local seconds=${SOURCE_DATE_EPOCH:-}
	[ -n "$seconds" ] || [ -z "$1" ] || seconds=$(in_git log -1 --format=%ct "$1")
	date -u -d "@${seconds:-0}" +%Y-%m-%dT%H:%M:%SZ
}

# PATH SHA1 SHA256 PART, tabs between: the part is an artefact's name, `programs` or, for what is neither, `-`.
list_files() {
	(cd "$tree" && find . -type f -printf '%P\n' | sort) >"$work/paths"
	digests() { (cd "$tree" && tr '\n' '\0' <"$work/paths" | xargs -0 "$1" | cut -d' ' -f1); }
	paste "$work/paths" <(digests sha1sum) <(digests sha256sum) | awk -F'\t' '
		BEGIN { OFS = "\t" }
		FNR == NR {
			split($0, row, " +")
			part[row[3]] = row[4] ~ /^(program:|made:initrd)/ ? "programs" : "-"
			if (sub(/^artefact:/, "", row[4])) {
				sub("/.*", "", row[4])
				part[row[3]] = row[4] == "sysroot" ? "programs" : row[4]
			}
			next
		}
		{ print $0, $1 in part ? part[$1] : "-" }' "$layout" -
}

# PART CODE: what SPDX calls a package's verification code, of each part and, as `-`, of everything.
list_codes() {
	local part
	for part in - $(cut -f4 "$work/files" | sort -u); do
		awk -F'\t' -v part="$part" 'part == "-" || $4 == part { print $2 }' "$work/files" |
			sort | tr -d '\n' | sha1sum | sed "s/^\([^ ]*\).*/$part\t\1/"
	done | sort -u
}

# PART KIND NAME VERSION LICENCE
list_components() {
	sed 's/^sysroot /programs /' "$tree/share/kata-containers/components" | awk '
		BEGIN { OFS = "\t" }
		FNR == NR {
			if (/^#/) next
			key = $1 " " $2
			match($0, /^[^ ]+ +[^ ]+ +/)
			licence[key] = substr($0, RLENGTH + 1)
			gsub(/[.+]/, "[&]", key)
			if (gsub(/\*/, "[0-9.]+", key)) pattern[key] = $1 " " $2
			next
		}
		NF == 4 && $2 ~ /^(debian|debian-source|crate|rust)$/ {
			key = $2 " " $3
			for (p in pattern) if (key ~ "^" p "$") key = pattern[p]
			print $0, (key in licence ? licence[key] : "NOASSERTION")
		}' "$here/licences" - | sed 's/ /\t/;s/ /\t/;s/ /\t/'
}

# KIND NAME VERSION SHA256 of what versions.yaml names; no digest where another version was there.
list_inputs() {
	local section name kind got
	sed -nE 's/^  ([^ ]+):$/\1/p' "$top/packaging/versions.yaml" | while read -r section; do
		name=$(field "$section" package)
		read -r kind got < <(awk -v part="${section%%/*}" -v name="${name:-$section}" '
			NF == 4 && $1 == part && $3 == name { print $2, $4 }' \
			"$tree/share/kata-containers/components") || continue
		printf '%s\t%s\t%s\t' "$kind" "${name:-$section}" "$got"
		[ "$got" != "$(field "$section" version)" ] || printf '%s' "$(field "$section" sha256)"
		echo
	done
}

make_sbom() { # COMMIT OUT
	local of created
	created=$(created "$1")
	list_files >"$work/files"
	list_codes >"$work/codes"
	list_components >"$work/parts"
	awk -F'\t' '$5 == "NOASSERTION" { print "release: note: packaging/release/licences has no row for " $2 " " $3 }' \
		"$work/parts" >&2
	jq -n --arg version "$version" --arg created "$created" --arg archive "$(basename "$archive")" \
		--arg sha256 "$archive_sha256" --rawfile files "$work/files" --rawfile codes "$work/codes" \
		--rawfile components "$work/parts" -f "$here/sbom.jq" >"$work/sbom"
	# Unique, and the same for the same document: a UUID of version 8, made of the digest of all the rest.
	of=$(sha256sum <"$work/sbom")
	jq --indent 1 --arg uuid "${of:0:8}-${of:8:4}-8${of:12:3}-8${of:15:3}-${of:18:12}" \
		'.documentNamespace += $uuid' "$work/sbom" >"$2"
}

make_provenance() { # COMMIT SBOM OUT
	local modified=
	if [ -n "$1" ] && [ -n "$(in_git status --porcelain)" ]; then
		modified=yes
		echo "release: note: the tree has changes that are in no commit; the provenance says so" >&2
	fi
	list_inputs >"$work/inputs"
	jq -n --indent 1 --arg version "$version" --arg arch "$arch" --arg commit "$1" --arg modified "$modified" \
		--arg source "${KATA_SOURCE_URI:-}" --arg builder "${KATA_BUILDER_ID:-}" \
		--arg archive "$(basename "$archive")" --arg sha256 "$archive_sha256" \
		--arg sbom "$(basename "${archive%.tar.zst}").spdx.json" --arg sbom_sha256 "$(sha256sum <"$2" | cut -d' ' -f1)" \
		--rawfile inputs "$work/inputs" -f "$here/provenance.jq" >"$3"
}

# put MADE FINAL - signed like MANIFEST; nothing is written where the same is there.
put() {
	rm -f "$1.minisig"
	sign "$1" "kata $version $arch $(basename "$2")"
	cmp -s "$1" "$2" || mv "$1" "$2"
	if [ ! -f "$1.minisig" ]; then
		rm -f "$2.minisig"
	else
		cmp -s "$1.minisig" "$2.minisig" || mv "$1.minisig" "$2.minisig"
	fi
}

# describe - make both documents of $tree and $archive.
describe() {
	local commit archive_sha256
	commit=$(commit || true)
	archive_sha256=$(sha256sum <"$archive" | cut -d' ' -f1)
	make_sbom "$commit" "$work/spdx.json"
	make_provenance "$commit" "$work/spdx.json" "$work/provenance.json"
	put "$work/spdx.json" "${archive%.tar.zst}.spdx.json"
	put "$work/provenance.json" "${archive%.tar.zst}.provenance.json"
}
