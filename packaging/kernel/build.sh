#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - recipe of the artefact `kernel`: the guest kernel from Debian's source package.
#
# Leaves vmlinux (stripped, boots through its PVH note, no modules), config (the final one), shares (what
# each fragment brought), version and the licences.  Time, user and host of the build are fixed, so that
# the same source and compiler give the same bytes.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
need make gcc flex bison bc strip tar xz patch

package=$(field "$name" package)
tarball=/usr/src/$package.tar.xz
[ -f "$tarball" ] || die "missing $tarball; install the Debian package $package"
version=$(dpkg-query -W -f '${Version}' "$package")
check_version "$name" "$version"
check_digest "$name" "$version" "$tarball"

tar xf "$tarball"
cd "$package"
for patch in "$KATA_TOP"/packaging/kernel/patches/*.patch; do
	patch -s -p1 --forward --fuzz=0 <"$patch" || die "$patch does not fit $package $version; adapt it"
done
export KBUILD_BUILD_USER=kata KBUILD_BUILD_HOST=kata KBUILD_BUILD_VERSION=1 LC_ALL=C
KBUILD_BUILD_TIMESTAMP=$(date -u -d "@$(stat -c %Y Makefile)")
export KBUILD_BUILD_TIMESTAMP
"$KATA_TOP/packaging/kernel/merge" . "$KATA_TOP"/packaging/kernel/fragments/*.conf
make -s -j"$(nproc)" vmlinux
strip -s -o "$out/vmlinux" vmlinux
"$KATA_TOP/packaging/kernel/shares" . "$KATA_TOP"/packaging/kernel/fragments/*.conf >"$out/shares"
cp .config "$out/config"
{
	make -s kernelrelease
	echo "$package $version"
} >"$out/version"
{
	package_copyright "$package"
	find COPYING LICENSES -type f -printf "debian $package $version\t%p\n"
} | keep_copyright
chmod 0644 "$out"/*
