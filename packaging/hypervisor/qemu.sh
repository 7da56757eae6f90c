#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# qemu.sh - recipe of the artefacts `qemu` and `test-qemu`: one static QEMU from Debian's source package.
#
# Static, so that it runs on any node; only the features and devices (devices.mak) that the runtime
# uses.  Firmware comes from Debian's packages.  `qemu` is released, as Debian has it; `test-qemu` is
# that of the tests' machine, in whose emulated processor VMs run: tests/vm/qemu/ mends errors of that
# emulation that we met, each file says which.
# The folder can be moved as a whole: QEMU looks for its firmware relative to its own place, bin/ to
# share/kata-qemu/qemu/.
set -euo pipefail
name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/packaging/debian.sh"

# Another Python than Debian's lacks the meson that configure looks for.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
need gcc ninja meson pkg-config flex bison dpkg-source patch strip

firmware=$out/share/kata-qemu/qemu
features=(
	--enable-kvm --enable-tcg --enable-seccomp --enable-membarrier --enable-fdt=system
	--enable-vhost-user --enable-vhost-kernel --enable-vhost-net --enable-malloc-trim
)

deb_sources
deb_source qemu
version="Debian $(cat qemu.version)"
if [ "$name" = test-qemu ]; then
	for patch in "$KATA_TOP"/tests/vm/qemu/*.patch; do
		patch -d qemu -p1 --forward --fuzz=0 <"$patch" ||
			die "$patch does not fit QEMU $(cat qemu.version); adapt it, or remove it if QEMU has mended that"
	done
	version+=", patched"
fi
cp "$KATA_TOP/packaging/hypervisor/devices.mak" qemu/configs/devices/x86_64-softmmu/kata.mak
mkdir build
cd build
../qemu/configure --static --enable-pie \
	--target-list=x86_64-softmmu --without-default-features \
	--without-default-devices --with-devices-x86_64=kata \
	--extra-ldflags="-Wl,--dependency-file=$PWD/linked" \
	"${features[@]}" --disable-docs --disable-werror --disable-debug-info \
	--prefix=/opt/kata --datadir=share --with-suffix=kata-qemu/qemu \
	--with-pkgversion="$version"
ninja -j"$(nproc)" qemu-system-x86_64

mkdir -p "$out/bin" "$firmware"
strip -s -o "$out/bin/qemu-system-x86_64" qemu-system-x86_64
for file in /usr/share/seabios/bios-256k.bin /usr/share/qemu/qboot.rom /usr/share/qemu/pvh.bin \
	/usr/share/qemu/linuxboot_dma.bin /usr/share/qemu/kvmvapic.bin; do
	[ -f "$file" ] || die "missing $file; install the packages seabios and qemu-system-data"
	install -m 0644 "$file" "$firmware/"
done
cp ../qemu.version "$out/version"
linked_packages linked >packages
mapfile -t packages <packages
{
	printf 'debian-source qemu %s\t%s\n' "$(cat "$out/version")" ../qemu/debian/copyright
	package_copyright seabios qemu-system-data "${packages[@]}"
} | keep_copyright
"$out/bin/qemu-system-x86_64" --version
