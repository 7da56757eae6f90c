#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# image-layouts.sh NAME OUTDIR - recipe: three images whose folders are laid out as the great distributions do.
#
#   debian.tar   kata.test/debian:1   merged /usr by bin -> usr/bin; var/run -> /run
#   fedora.tar   kata.test/fedora:1   sbin -> usr/bin, libraries in usr/lib64; var/run -> ../run, var/lock -> ../run/lock
#   alpine.tar   kata.test/alpine:1   no merged /usr, every program a link to /bin/busybox, musl; var/run -> ../run
#
# All are made of Debian's packages: what matters is which links a path goes through, and which of them walk up.
# Each has /etc/os-release as a link that walks up, and /usr/lib/app/bin/hello, whose library its loader finds by
# $ORIGIN/../lib.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/debian-tree.sh"
need musl-gcc gcc busybox ldconfig
suite=$(field "$name" suite)

# hello COMPILER TREE - a program with a library of its own beside it.
hello() {
	local app=$2/usr/lib/app
	mkdir -p "$app/bin" "$app/lib"
	echo 'const char *greeting(void) { return "found by its loader"; }' >greeting.c
	printf '%s\n' '#include <stdio.h>' 'const char *greeting(void);' \
		'int main(void) { return puts(greeting()) < 0; }' >hello.c
	"$1" -shared -fPIC -Os -s -o "$app/lib/libgreeting.so" greeting.c
	# shellcheck disable=SC2016 # $ORIGIN is the loader's
	"$1" -Os -s -o "$app/bin/hello" hello.c -L "$app/lib" -lgreeting -Wl,-rpath,'$ORIGIN/../lib'
}

os_release() { # TREE ID
	mkdir -p "$1/usr/lib" "$1/etc"
	printf 'ID=%s\nNAME="%s layout"\n' "$2" "$2" >"$1/usr/lib/os-release"
	ln -sfn ../usr/lib/os-release "$1/etc/os-release"
}

users() { # TREE
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

make_debian() {
	debian_tree "$suite" extract "$KATA_TOP/tests/cluster/image-layouts.packages" debian \
		--setup-hook="for d in bin sbin lib lib64; do mkdir -p \"\$1/usr/\$d\"; ln -s \"usr/\$d\" \"\$1/\$d\"; done"
	rm -rf debian/usr/share/{bash-completion,info,zoneinfo,ca-certificates} debian/var/lib/dpkg debian/var/{run,lock}
	ln -s bash debian/usr/bin/sh
	ln -s /run debian/var/run
	ln -s /run/lock debian/var/lock
	os_release debian debian
	users debian
}

# The same programs in other places: one folder of programs, libraries in lib64 and found by the loader's cache.
make_fedora() {
	cp -a debian fedora
	mv fedora/usr/sbin/* fedora/usr/bin/
	rmdir fedora/usr/sbin
	ln -s bin fedora/usr/sbin
	ln -sfn usr/bin fedora/sbin
	rm -r fedora/usr/lib64 fedora/etc/ld.so.conf.d # the loader's link, which leads to the folder moved here
	mv fedora/usr/lib/x86_64-linux-gnu fedora/usr/lib64
	echo /usr/lib64 >fedora/etc/ld.so.conf
	ldconfig -r fedora
	ln -sfn ../run fedora/var/run
	ln -sfn ../run/lock fedora/var/lock
	os_release fedora fedora
}

make_alpine() {
	local applet
	mkdir -p alpine/{bin,sbin,etc,lib,root,proc,sys,dev,run,tmp,var,usr/bin,usr/sbin,usr/lib}
	cp "$(command -v busybox)" alpine/bin/busybox
	for applet in $(busybox --list-full); do
		[ "$applet" = bin/busybox ] || ln -s /bin/busybox "alpine/$applet"
	done
	cp -L /lib/ld-musl-x86_64.so.1 alpine/lib/
	ln -s ld-musl-x86_64.so.1 alpine/lib/libc.musl-x86_64.so.1
	ln -s ../run alpine/var/run
	ln -s ../run/lock alpine/var/lock
	chmod 1777 alpine/tmp
	os_release alpine alpine
	users alpine
}

make_debian
make_fedora
make_alpine
hello gcc debian
hello gcc fedora
hello musl-gcc alpine
for layout in debian fedora alpine; do
	chroot "$layout" /bin/sh -c 'grep -q . /etc/os-release && ls / && { [ ! -e /usr/bin/curl ] || curl --version; }' >answer ||
		die "the programs of $layout's layout do not run"
	"$KATA_TOP/packaging/image/oci.sh" "kata.test/$layout:1" "$layout" \
		'{"Cmd":["/bin/sh"],"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}' "$out/$layout.tar"
done
