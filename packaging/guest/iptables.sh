#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# iptables.sh - recipe of the artefact `iptables`: the programs of iptables in one static file, for the guest's initrd.
#
# The agent protocol hands the packet filter over as text, which only these can read and write
# (agent/network/iptables.c).  Made from Debian's source package against musl, for the kernel's own
# tables (legacy), with every extension: a rule that somebody made in the guest must not be one that
# cannot be shown.  Without nftables, whose libraries are three times as large.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/packaging/debian.sh"
need musl-gcc make gcc dpkg-source readelf

# musl-gcc hides /usr/include, the kernel's headers with it.
mkdir -p include bin
cp -rL /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" include/
# libtool takes -static for its own archives alone.
cat >bin/musl-cc <<-END
	#!/bin/sh
	for word; do
		[ "\$word" != -c ] || exec musl-gcc "\$@" -isystem $PWD/include -ffile-prefix-map=$PWD=.
	done
	exec musl-gcc "\$@" -isystem $PWD/include -static -Wl,--gc-sections
END
chmod +x bin/musl-cc
export PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin CC=musl-cc LC_ALL=C SOURCE_DATE_EPOCH=1
export CFLAGS="-Os -g0 -ffunction-sections -fdata-sections -fstack-protector-strong"

deb_sources
deb_source "$name"
cd "$name"
find . -name aclocal.m4 -exec touch {} +
find . \( -name configure -o -name 'config*.h.in' -o -name Makefile.in \) -exec touch {} +
./configure --quiet --host=x86_64-linux-musl --prefix=/usr --sysconfdir=/etc --disable-shared --enable-static \
	--disable-nftables --disable-connlabel --disable-libipq --disable-devel --disable-dependency-tracking
make -s -j"$(nproc)" >/dev/null
cd ..

install -D -m 0755 "$name/iptables/xtables-legacy-multi" "$out/sbin/xtables-legacy-multi"
strip -s "$out/sbin/xtables-legacy-multi"
if readelf -l "$out/sbin/xtables-legacy-multi" | grep -q INTERP; then
	die "$name still needs a dynamic linker"
fi
"$out/sbin/xtables-legacy-multi" iptables-save --version
cp "$name.version" "$out/version"
{
	printf 'debian-source %s %s\t%s\n' "$(field "$name" package)" "$(cat "$name.version")" "$PWD/$name/debian/copyright"
	package_copyright musl-dev "libgcc-$(gcc -dumpversion)-dev"
} | keep_copyright
