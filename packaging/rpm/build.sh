#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - make RPM packages of a packed release, by rpmbuild.
#
#   packaging/rpm/build.sh DIST OUT [NAME]...        after packaging/release/build.sh BUILD DIST
#
# Leaves OUT/NAME-VERSION-1.ARCH.rpm for each row of packaging/parts/packages, or each NAME of it, kata-runtime among them.
# Equal inputs give equal bytes.  KATA_PACK_LEVEL is how hard it packs, as of a release, 0: not at all; KATA_MAINTAINER names who
# keeps the packages.
set -euo pipefail
export LC_ALL=C
umask 022
[ $# -ge 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
dist=$(readlink -f "$1")
mkdir -p "$2"
out=$(readlink -f "$2")
zsh_folder=usr/share/zsh/site-functions licence_folder=usr/share/licenses
. "$top/packaging/parts/stage.sh"
. "$top/packaging/release/sign.sh"
shift 2

rm -rf "$out"/.rpm.*
work=$(mktemp -d "$out/.rpm.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/all"
payload=w${KATA_PACK_LEVEL:-19}.zstdio
[ "${KATA_PACK_LEVEL:-}" != 0 ] || payload=w.ufdio

# The folders of a release belong to every package that has something in them.
file_list() { # NAME
	(
		cd "$work/$1"
		[ ! -d "$parts" ] || find "$parts" -type d -printf '%%dir /%p\n'
		find . \( -type f -o -type l \) ! -path "./$licence_folder/*" -printf '/%P\n'
		echo "%dir /$licence_folder/$1"
		find "$licence_folder" -type f -printf '%%license /%p\n'
	) | sort
}

section() { # NAME
	local need
	printf '\n%%package -n %s\nSummary: %s\n' "$1" "$(package_field "$1" 4)"
	echo "AutoReqProv: no"
	[ "$1" != kata-containers ] || echo "BuildArch: noarch"
	for need in $(package_field "$1" 3); do
		echo "Requires: $need = %{version}-%{release}"
	done
	[ "$1" != kata-runtime ] || echo "Requires(preun): kata-manager"
	printf '%%description -n %s\n' "$1"
	package_field "$1" 5 | fold -s -w 76 | sed 's/ *$//'
	printf '%%files -n %s -f %s.files\n' "$1" "$work/$1"
}

# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $(package_names)
for name; do
	stage "$name" "$work/$name"
	file_list "$name" >"$work/$name.files"
	cp -a "$work/$name/." "$work/all/"
	section "$name"
done >"$work/packages"

rpmbuild -bb --quiet --define "_topdir $work/build" --define "_tmppath $work" --define "_rpmdir $work/rpms" \
	--define "kata_version $package_version" --define "kata_all $work/all" --define "kata_maintainer $maintainer" \
	--define "kata_packages $work/packages" --define "_binary_payload $payload" \
	"$top/packaging/rpm/kata-containers.spec" >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "rpmbuild failed"
}
for file in "$work"/rpms/*/*.rpm; do
	mv "$file" "$out/"
	sign "$out/${file##*/}" "${file##*/}"
	echo "rpm: $out/${file##*/} ($(stat -c %s "$out/${file##*/}") bytes)"
done
