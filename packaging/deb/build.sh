#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - make Debian packages of a packed release.
#
#   packaging/deb/build.sh DIST OUT [NAME]...        after packaging/release/build.sh BUILD DIST
#
# Leaves OUT/NAME_VERSION_ARCH.deb for each row of packaging/parts/packages, or each NAME of it.  Equal inputs give equal bytes.
# Each is signed, as NAME_VERSION_ARCH.deb.minisig, if there is a key (packaging/release/sign.sh).
# KATA_PACK_LEVEL is how hard it packs, as of a release, 0: not at all; KATA_MAINTAINER names who keeps the packages.
#
# Scripts are those in packaging/deb, NAME.postinst and the like; NAME.lintian-overrides has the reason beside each.
set -euo pipefail
export LC_ALL=C
umask 022
[ $# -ge 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
dist=$(readlink -f "$1")
mkdir -p "$2"
out=$(readlink -f "$2")
zsh_folder=usr/share/zsh/vendor-completions licence_folder=usr/share/doc
. "$top/packaging/parts/stage.sh"
shift 2
. "$top/packaging/release/arch.sh"
. "$top/packaging/release/sign.sh"
here=$top/packaging/deb
level=${KATA_PACK_LEVEL:-19}
compression=(-Zxz "-z$((level > 9 ? 9 : level))")
[ "$level" != 0 ] || compression=(-Znone)

rm -rf "$out"/.deb.*
work=$(mktemp -d "$out/.deb.XXXXXX")
trap 'rm -rf "$work"' EXIT

# depends NAME - its needs, all in this very version.
depends() {
	local need list=
	for need in $(package_field "$1" 3); do
		list+="${list:+, }$need (= $package_version)"
	done
	[ -z "$list" ] || echo "Depends: $list"
}

# Nothing but files of Debian's own form: who only depends on others is for any machine.
arch_of() { [ "$1" = kata-containers ] && echo all || echo "$package_arch"; }

control() { # NAME TREE
	cat <<-END
		Package: $1
		Source: kata-containers
		Version: $package_version
		Architecture: $(arch_of "$1")
		Maintainer: $maintainer
		Installed-Size: $(du -k --apparent-size -s "$2" | cut -f1)
		$(depends "$1")
		$([ "$1" != kata-runtime ] || echo "Recommends: containerd | docker.io | cri-o")
		Section: admin
		Priority: optional
		Description: $(package_field "$1" 4)
	END
	package_field "$1" 5 | fold -s -w 76 | sed 's/^/ /; s/ *$//'
}

changelog() {
	cat <<-END
		kata-containers ($package_version) unstable; urgency=medium

		  * Release $version; CHANGELOG.md of the source tree says what is new.

		 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
	END
}

pack() { # NAME
	local name=$1 tree=$work/$1 script
	stage "$name" "$tree"
	mkdir "$tree/DEBIAN"
	changelog | gzip -9nc >"$tree/usr/share/doc/$name/changelog.gz"
	[ ! -f "$here/$name.lintian-overrides" ] ||
		put "$here/$name.lintian-overrides" 0644 "usr/share/lintian/overrides/$name"
	control "$name" "$tree" | sed '/^$/d' >"$tree/DEBIAN/control"
	(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort | tr '\n' '\0' | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
	for script in preinst postinst prerm postrm triggers; do
		[ ! -f "$here/$name.$script" ] || put "$here/$name.$script" "$([ $script = triggers ] && echo 0644 || echo 0755)" "DEBIAN/$script"
	done
	find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group "${compression[@]}" --build "$tree" "$work" >/dev/null
	rm -r "$tree"
}

# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $(package_names)
for name; do
	pack "$name"
done
for file in "$work"/*.deb; do
	mv "$file" "$out/"
	sign "$out/${file##*/}" "${file##*/}"
	echo "deb: $out/${file##*/} ($(stat -c %s "$out/${file##*/}") bytes)"
done
