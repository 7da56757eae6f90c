#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - recipe of the artefact `sysroot`: static libraries against musl for our programs.
#
# Programs that go to nodes and guests are static: they must run on any distribution, and musl makes
# them small.  Each library is built from Debian's source package, with Debian's patches, and with
# nothing that our programs do not call.  The folder can be moved: its pkg-config files find
# themselves.  packaging/sysroot/musl.cmake points CMake at it.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/packaging/debian.sh"

export PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin
need musl-gcc make cmake ninja pkg-config perl flex bison gperf dpkg-source

work=$PWD
root=$work/root
jobs=$(nproc)
export CC=musl-cc LC_ALL=C SOURCE_DATE_EPOCH=1
export CFLAGS="-Os -g0 -ffunction-sections -fdata-sections -fstack-protector-strong"
export LDFLAGS="-L$root/lib -static"
export PKG_CONFIG_LIBDIR=$root/lib/pkgconfig

# Each library: a word here, a section in versions.yaml, and a function make_<name> that runs in its
# source folder.  In order of need.
libraries=(libseccomp protobuf-c json-c libyaml libnl dbus zstd libarchive openssl nghttp2 curl libwebsockets)

# configure ARGUMENT... - autoconf's way.  Patched inputs must not make make(1) look for autoconf.
configure() {
	find . -name aclocal.m4 -exec touch {} +
	find . \( -name configure -o -name 'config*.h.in' -o -name Makefile.in \) -exec touch {} +
	./configure --quiet --host=x86_64-linux-musl --prefix="$root" \
		--sysconfdir=/etc --disable-shared --enable-static --disable-dependency-tracking "$@"
}

cmake_install() { # ARGUMENT...
	cmake -S . -B b -G Ninja -Wno-dev -DCMAKE_INSTALL_PREFIX="$root" -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_BUILD_TYPE=None -DCMAKE_PREFIX_PATH="$root" \
		-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_FIND_ROOT_PATH="$root" \
		-DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF "$@"
	ninja -C b -j"$jobs" install
}

pc() { # NAME VERSION LIBRARY - the pkg-config file of a library whose own build makes none
	cat >"$root/lib/pkgconfig/$1.pc" <<-END
		prefix=$root
		Name: $1
		Description: $1
		Version: $2
		Cflags: -I\${prefix}/include
		Libs: -L\${prefix}/lib $3
	END
}

upstream_version() { sed -E 's/^[0-9]+://; s/[-+~].*//' "../$1.version"; }

make_libseccomp() {
	configure
	make -s -j"$jobs" -C src libseccomp.la
	make -s -C src install-libLTLIBRARIES
	make -s -C include install
	make -s install-pkgconfDATA
}

make_protobuf-c() {
	configure --disable-protoc
	make -s -j"$jobs" protobuf-c/libprotobuf-c.la
	make -s install-libLTLIBRARIES install-nobase_includeHEADERS install-pkgconfigDATA
}

make_json-c() {
	cmake_install -DBUILD_APPS=OFF -DDISABLE_EXTRA_LIBS=ON -DENABLE_RDRAND=OFF
}

make_libyaml() {
	cmake_install
	pc yaml-0.1 "$(upstream_version libyaml)" -lyaml
}

make_libnl() {
	configure --disable-cli --disable-debug
	make -s -j"$jobs" lib/libnl-3.la
	install -m 0644 lib/.libs/libnl-3.a "$root/lib/"
	install -m 0644 libnl-3.0.pc "$root/lib/pkgconfig/"
	mkdir -p "$root/include/libnl3"
	cp -r include/netlink "$root/include/libnl3/"
}

# Only the client library; the parser of the daemon's configuration, which wants expat, is not built.
make_dbus() {
	EXPAT_CFLAGS=' ' EXPAT_LIBS=' ' configure --disable-tests --disable-systemd --disable-selinux \
		--disable-apparmor --disable-libaudit --disable-launchd --disable-inotify \
		--disable-xml-docs --disable-doxygen-docs --without-x --with-session-socket-dir=/tmp \
		--localstatedir=/var --runstatedir=/run
	make -s -j"$jobs" -C dbus libdbus-1.la
	make -s -C dbus install-libLTLIBRARIES install-dbusincludeHEADERS \
		install-nodist_dbusarchincludeHEADERS
	make -s install-pkgconfigDATA
}

# Built for speed, as its makers do: the decoder is 64 KiB larger, and takes a third less time.
make_zstd() {
	make -s -j"$jobs" -C lib libzstd.a CFLAGS="${CFLAGS/-Os/-O3}" ZSTD_LEGACY_SUPPORT=0 \
		ZSTD_LIB_DICTBUILDER=0 ZSTD_LIB_DEPRECATED=0
	install -m 0644 lib/libzstd.a "$root/lib/"
	install -m 0644 lib/zstd.h lib/zstd_errors.h "$root/include/"
	pc libzstd "$(upstream_version zstd)" -lzstd
}

make_libarchive() {
	configure --disable-bsdtar --disable-bsdcat --disable-bsdcpio --without-zlib --without-bz2lib \
		--without-libb2 --without-iconv --without-lz4 --without-lzma --without-cng \
		--without-nettle --without-openssl --without-xml2 --without-expat --with-zstd \
		--disable-acl --disable-xattr
	make -s -j"$jobs" libarchive.la
	make -s install-libLTLIBRARIES install-includeHEADERS install-pkgconfigDATA
}

# What TLS 1.2 and 1.3 to an API server need, and digests.
make_openssl() {
	local without=(aria async autoload-config bf camellia capieng cast cmp cms comp
		deprecated des dgram dso dtls engine gost idea legacy md4 mdc2 module nextprotoneg
		padlockeng psk rc2 rc4 rfc3779 rmd160 scrypt seed siphash sm2 sm3 sm4 srp srtp ssl3
		static-engine tests tls1 tls1_1 ts ui-console whirlpool)
	./Configure linux-x86_64 --prefix=/usr --libdir=lib --openssldir=/etc/ssl \
		no-shared "${without[@]/#/no-}" >/dev/null
	make -s -j"$jobs" build_generated libcrypto.a libssl.a libcrypto.pc libssl.pc openssl.pc
	install -m 0644 libcrypto.a libssl.a "$root/lib/"
	install -m 0644 libcrypto.pc libssl.pc openssl.pc "$root/lib/pkgconfig/"
	sed -i "s#^prefix=/usr\$#prefix=$root#" "$root"/lib/pkgconfig/{libcrypto,libssl,openssl}.pc
	cp -r include/openssl "$root/include/"
}

# gRPC to containerd is HTTP/2.
make_nghttp2() {
	cmake_install -DENABLE_LIB_ONLY=ON -DENABLE_STATIC_LIB=ON -DENABLE_SHARED_LIB=OFF
}

make_curl() {
	configure --with-openssl="$root" --enable-http --enable-threaded-resolver \
		--enable-unix-sockets --disable-alt-svc --disable-ares --disable-cookies \
		--disable-crypto-auth --disable-dateparse --disable-dict --disable-doh --disable-file \
		--disable-ftp --disable-get-easy-options --disable-gopher --disable-headers-api \
		--disable-hsts --disable-imap --disable-ldap --disable-ldaps --disable-libcurl-option \
		--disable-manual --disable-mqtt --disable-netrc --disable-ntlm --disable-ntlm-wb \
		--disable-pop3 --disable-rtsp --disable-smb --disable-smtp --disable-sspi \
		--disable-telnet --disable-tftp --disable-tls-srp --without-brotli --without-ca-bundle \
		--without-ca-path --without-libgsasl --without-libidn2 --without-libpsl \
		--without-librtmp --with-nghttp2="$root" --without-zlib --without-zstd
	make -s -j"$jobs" -C lib libcurl.la
	make -s -C lib install-libLTLIBRARIES
	make -s -C include install
	make -s install-pkgconfigDATA
}

# HTTP/1.1 and websockets of a server without TLS; the loop is ours.  Its header with the configuration
# names the folder it is installed in, so that is one of every machine.
make_libwebsockets() {
	local without=(SSL HTTP2 ZLIB LEJP LEJP_CONF SYS_STATE SYS_ASYNC_DNS SYS_SMD LWSAC CUSTOM_HEADERS DIR
		FILE_OPS SEQUENCER SPAWN UDP EVLIB_PLUGINS HTTP_BASIC_AUTH PEER_LIMITS
		LWS_DSH SHARED)
	without=("${without[@]/#/-DLWS_WITH_}")
	DESTDIR=$PWD/d cmake_install -DCMAKE_INSTALL_PREFIX=/usr "${without[@]/%/=OFF}" \
		-DLWS_WITHOUT_CLIENT=ON -DLWS_WITHOUT_EXTENSIONS=ON -DLWS_WITHOUT_TESTAPPS=ON \
		-DLWS_WITHOUT_DAEMONIZE=ON -DLWS_IPV6=ON -DLWS_REPRODUCIBLE=ON -DDISABLE_WERROR=ON
	cp -r d/usr/include/. "$root/include/"
	install -m 0644 d/usr/lib/libwebsockets.a "$root/lib/"
	pc libwebsockets "$(upstream_version libwebsockets)" -lwebsockets
}

# Flags that name folders go into a compiler of our own: openssl records those it sees.
compiler() {
	mkdir bin
	cat >"bin/$CC" <<-END
		#!/bin/sh
		exec musl-gcc "\$@" -ffile-prefix-map=$work=. -isystem $root/include
	END
	chmod +x "bin/$CC"
}

# musl-gcc hides /usr/include, the kernel's headers with it.
kernel_headers() {
	mkdir -p "$root/include" "$root/lib/pkgconfig"
	cp -rL /usr/include/linux /usr/include/asm-generic "$root/include/"
	cp -rL "/usr/include/$(gcc -print-multiarch)/asm" "$root/include/"
}

compiler
kernel_headers
deb_sources
for library in "${libraries[@]}"; do
	say "$library"
	deb_source "$name/$library"
	(cd "$library" && "make_$library")
	echo "$library $(cat "$library.version")" >>"$out/versions"
	cp "$library/debian/copyright" "$work/$library.copyright"
	printf 'debian-source %s %s\t%s\n' "$(field "$name/$library" package)" \
		"$(cat "$library.version")" "$work/$library.copyright" >>parts
	rm -rf "$library"
done
{
	cat parts
	package_copyright musl-dev "libgcc-$(gcc -dumpversion)-dev"
} | keep_copyright

mkdir -p "$out/lib"
cp -r "$root/include" "$out/"
cp "$root"/lib/*.a "$out/lib/"
cp -r "$root/lib/pkgconfig" "$root/lib/dbus-1.0" "$out/lib/"
sed -i "s#$root#\${pcfiledir}/../..#g" "$out"/lib/pkgconfig/*.pc
if grep -rlF "$work" "$out"; then
	die "these files still name the folder they were built in"
fi
