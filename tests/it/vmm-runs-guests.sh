#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Real guests through runtime/vmm: boot, hot-plug, pause, and every kind of end; no process of theirs makes a system call
# that it may not make.
# timeout: 600
. "$(dirname "$0")/../lib.sh"

require_root
require musl-gcc
[ -x "$KATA_BUILD_DIR/bin/vmm-cases" ] || skip "no $KATA_BUILD_DIR/bin/vmm-cases; build it first"
version=$work/version
assets=$version/share/kata-containers
mkdir -p "$assets"
for name in qemu virtiofsd vhost-device-vsock; do
	cp -a "$("$top/packaging/artefact" "$name")"/. "$version/"
done
cp "$("$top/packaging/artefact" kernel)/vmlinux" "$assets/vmlinux.container"
musl-gcc -Os -static -s -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu \
	-o "$work/init" "$top/tests/it/vmm-guest.c"
"$top/packaging/guest/initrd.sh" "$work/init" "$assets/kata-containers-initrd.img"

export KATA_VERSION_DIR=$version KATA_RUNTIME=$KATA_BUILD_DIR/bin/kata-runtime
"$KATA_BUILD_DIR/bin/vmm-cases" "$@"
expect "system calls that were refused" "" "$(dmesg | grep 'type=1326 ' | grep -F "exe=\"$version/" || true)"
