#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# libraries.sh - recipe of the artefact `fuzz-libraries`: json-c and protobuf-c as a fuzzer wants them.
#
# Most of what parses JSON and messages is theirs: only what is compiled with counters guides a
# fuzzer, and only what is compiled with the address sanitizer is seen to write where it must not.  The
# sources are those that the programs are built from (packaging/sysroot/build.sh).
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/packaging/debian.sh"

need clang-14 make cmake ninja dpkg-source

root=$PWD/root
export CC=clang-14 CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,fuzzer-no-link" LC_ALL=C

make_json-c() {
	cmake -S . -B b -G Ninja -Wno-dev -DCMAKE_INSTALL_PREFIX="$root" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=None \
		-DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DBUILD_APPS=OFF -DDISABLE_EXTRA_LIBS=ON -DDISABLE_WERROR=ON
	ninja -C b install
}

make_protobuf-c() {
	find . -name aclocal.m4 -exec touch {} +
	find . \( -name configure -o -name 'config*.h.in' -o -name Makefile.in \) -exec touch {} +
	./configure --quiet --prefix="$root" --disable-protoc --disable-shared --disable-dependency-tracking
	make -s protobuf-c/libprotobuf-c.la
	make -s install-libLTLIBRARIES install-nobase_includeHEADERS install-pkgconfigDATA
}

deb_sources
for library in json-c protobuf-c; do
	say "$library"
	deb_source "sysroot/$library"
	(cd "$library" && "make_$library")
done
cp -r "$root/include" "$root/lib" "$out/"
sed -i "s#$root#\${pcfiledir}/../..#g" "$out"/lib/pkgconfig/*.pc
say "$name: done"
