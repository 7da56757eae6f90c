#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A guest of 2 GiB that is idle takes about as much of the host as one of 256 MiB: what describes memory
# is made when the memory is asked for.  The guest counts all of it as free meanwhile, and has all of it
# when a program asks.  KERNEL=FILE tries another kernel.
#
# timeout: 300
. "$(dirname "$0")/../lib.sh"

require musl-gcc
kernel=${KERNEL:-$("$top/packaging/artefact" kernel)/vmlinux}
qemu=$("$top/packaging/artefact" qemu)
cat >"$work/init.c" <<'END'
/* Says "idle FREE LISTED" (MiB that are free, and those of them that the allocator lists), waits for a
 * byte, fills what is free but for 64 MiB, reads it back, says "held FREE LISTED" and switches off. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define PAGE ((size_t)4096)
#define MIB  ((size_t)1 << 20)

static size_t listed(void)
{
	FILE *file = fopen("/proc/buddyinfo", "r");
	size_t pages = 0, blocks, order;

	while (file && fscanf(file, " Node %*d, zone %*s") == 0)
		for (order = 0; fscanf(file, " %zu", &blocks) == 1; order++)
			pages += blocks << order;
	return pages * PAGE / MIB;
}

static size_t unused(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? info.freeram / MIB : 0;
}

/* Pages that do not hold what was written there. */
static size_t fill(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t wrong = 0, at;

	if (p == MAP_FAILED)
		return 1;
	(void)madvise(p, size, MADV_HUGEPAGE);
	for (at = 0; at < size; at += PAGE)
		*(volatile uint64_t *)(p + at) = at;
	for (at = 0; at < size; at += PAGE)
		wrong += *(volatile uint64_t *)(p + at) != at;
	return wrong;
}

int main(void)
{
	(void)mkdir("/proc", 0755);
	(void)mount("proc", "/proc", "proc", 0, NULL);
	printf("idle %zu %zu\n", unused(), listed());
	fflush(stdout);
	(void)getchar();
	printf("wrong %zu\n", fill((unused() - 64) * MIB));
	printf("held %zu %zu\n", unused(), listed());
	fflush(stdout);
	return reboot(RB_POWER_OFF);
}
END
musl-gcc -Os -static -s -o "$work/init" "$work/init.c"
"$top/packaging/guest/initrd.sh" "$work/init" "$work/initrd"
mkfifo "$work/in"

has_said() { grep -q "^$1 " <(tr -d '\r' <"$work/console"); }
said() { tr -d '\r' <"$work/console" | sed -n "s/^$1 //p"; }
stop_guest() { kill -KILL "$pid" 2>/dev/null || true; }

# run_guest MIB - sets idle_kib (of the guest's memory that the host holds) and what the guest said.
run_guest() {
	timeout 120 "$qemu/bin/qemu-system-x86_64" -M q35,memory-backend=mem0 -accel tcg,tb-size=64 -cpu max,erms=off,fsrm=off -nodefaults \
		-m "$1" -object "memory-backend-memfd,id=mem0,size=$1M,share=on" \
		-no-user-config -display none -serial stdio -no-reboot -bios qboot.rom -kernel "$kernel" -initrd "$work/initrd" \
		-append "console=ttyS0 panic=-1 quiet reboot=t mitigations=off" <>"$work/in" >"$work/console" 2>&1 &
	pid=$!
	cleanup stop_guest
	eventually 60 "an idle guest of $1 MiB" has_said idle
	idle_kib=$(awk '$1 == "RssShmem:" { print $2 }' "/proc/$(pgrep -P $pid)/status")
	echo >"$work/in"
	wait $pid || { cat "$work/console"; fail "QEMU ended with $?"; }
	read -r free_mib listed_mib <<<"$(said idle)"
	wrong=$(said wrong)
	read -r held_free_mib held_listed_mib <<<"$(said held)"
	note "$1 MiB: $((idle_kib / 1024)) MiB held when idle, $free_mib MiB free of which $listed_mib are listed; later $held_free_mib of $held_listed_mib"
}

run_guest 256
small_kib=$idle_kib
expect "pages of 256 MiB that hold something else" 0 "$wrong"
run_guest 2048
expect "pages of 2 GiB that hold something else" 0 "$wrong"
((free_mib > 1850)) || fail "of 2 GiB only $free_mib MiB are free"
((idle_kib < small_kib + 16 * 1024)) ||
	fail "an idle guest of 2 GiB holds $((idle_kib / 1024)) MiB, one of 256 MiB $((small_kib / 1024))"
((held_listed_mib >= held_free_mib - 8)) ||
	fail "of $held_free_mib MiB that are free when the rest is used only $held_listed_mib are listed"
