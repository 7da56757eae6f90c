#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Our QEMU boots our kernel through PVH into a program of our initrd and ends when the guest powers
# off.  Emulation is enough.
. "$(dirname "$0")/../lib.sh"

require musl-gcc
kernel=$("$top/packaging/artefact" kernel)
qemu=$("$top/packaging/artefact" qemu)
cat >"$work/init.c" <<'END'
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
int main(void)
{
	struct utsname name;

	uname(&name);
	printf("guest runs %s\n", name.release);
	fflush(stdout);
	return reboot(RB_POWER_OFF);
}
END
musl-gcc -Os -static -s -o "$work/init" "$work/init.c"
"$top/packaging/guest/initrd.sh" "$work/init" "$work/initrd"

note "boot"
timeout 60 "$qemu/bin/qemu-system-x86_64" -M q35 -accel tcg -cpu max,erms=off,fsrm=off -m 128 -nodefaults \
	-no-user-config -display none -serial stdio -no-reboot -bios qboot.rom \
	-kernel "$kernel/vmlinux" -initrd "$work/initrd" \
	-append "console=ttyS0 panic=-1 quiet reboot=t" </dev/null >"$work/console" 2>&1 ||
	{ cat "$work/console"; fail "QEMU ended with $?"; }
expect_match "what the guest printed" "guest runs $(head -n 1 "$kernel/version")" \
	"$(cat "$work/console")"
