#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kernel.sh - the guest kernel against the one of the first round (commit 2956458), in one run.
#
#   tests/bench/kernel.sh [SHARES]       BENCH_RUNS times each (5); values to stdout, as parts.sh reads them
#
# Prints lines "NAME VALUE...": kernel_boot and kernel_boot_first (ms of processor time of QEMU from its start until
# the guest, whose only program powers off, has ended), kernel_memory and kernel_memory_first (bytes of 256 MiB
# that the guest cannot give to programs), kernel_large and kernel_large_first (bytes that QEMU holds more with an idle
# guest of 2 GiB than with one of 256 MiB), kernel_first (bytes of the file).  To SHARES it writes a table in
# Markdown: each fragment's bytes and the time of its initcalls, as packaging/kernel/shares explains them.
#
# Processor time, because the machine's load does not enter it; one kernel after the other in turn,
# because the machine's speed does.  The first round's kernel is built into the cache by its own recipe.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
runs=${BENCH_RUNS:-5}
first=2956458
work=$(mktemp -d /tmp/kata-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
line="console=ttyS0 panic=1 reboot=t no_timer_check tsc=reliable noreplace-smp random.trust_cpu=on 8250.nr_uarts=1"
accelerator=(-accel "tcg,thread=multi" -cpu "max,erms=off,fsrm=off,la57=off")
if [ -w /dev/kvm ] && [ "$("$top/build/dist/kata/bin/kata-runtime" env --json 2>/dev/null | jq .Host.VMContainerCapable)" = true ]; then
	accelerator=(-accel kvm -cpu host)
else
	line+=" mitigations=off init_on_alloc=1"
fi

# machine VMLINUX MIB INITRD PARAMETERS - sets command
machine() {
	command=("$qemu/bin/qemu-system-x86_64" -M "q35,memory-backend=mem0" -smp 1 -m "$2" -nodefaults
		-no-user-config -display none -no-reboot -bios qboot.rom "${accelerator[@]}" -serial stdio
		-object "memory-backend-memfd,id=mem0,size=$2M,share=on" -kernel "$1" -initrd "$3" -append "$line $4")
}

# boot VMLINUX PARAMETERS - the console to $work/console
boot() {
	machine "$1" 256 "$work/initrd" "$2"
	timeout 120 "${command[@]}" </dev/null >"$work/console" 2>&1 || { cat "$work/console" >&2; return 1; }
}

# idle VMLINUX MIB - bytes that QEMU holds for itself and its guest while that does nothing
idle() {
	local pid tries=0
	machine "$1" "$2" "$work/idle" quiet
	"${command[@]}" </dev/null >"$work/console" 2>&1 &
	pid=$!
	until grep -q '^up' "$work/console"; do
		((tries++ < 600)) || { cat "$work/console" >&2; kill -KILL $pid; return 1; }
		sleep 0.1
	done
	awk '/^Rss(Anon|Shmem):/ { sum += $2 * 1024 } END { print sum }' "/proc/$pid/status"
	kill -KILL $pid
	wait $pid || true
}

# measure VMLINUX - "MILLISECONDS BYTES" of one boot
measure() {
	local TIMEFORMAT='%U %S' spent
	spent=$( { time boot "$1" quiet 2>&3; } 3>&2 2>&1)
	awk -v spent="$spent" '/^memory /{ split(spent, s, " "); printf "%.0f %d\n", (s[1] + s[2]) * 1000, $2 }' \
		<(tr -d '\r' <"$work/console")
}

prepare() {
	musl-gcc -Os -static -s -o "$work/init" "$top/tests/bench/kernel-init.c"
	"$top/packaging/guest/initrd.sh" "$work/init" "$work/initrd"
	musl-gcc -Os -static -s -o "$work/init" "$top/tests/bench/init.c"
	"$top/packaging/guest/initrd.sh" "$work/init" "$work/idle"
	qemu=$("$top/packaging/artefact" qemu)
	ours=$("$top/packaging/artefact" kernel)
	mkdir "$work/first"
	git -C "$top" archive "$first" packaging | tar -C "$work/first" -x
	theirs=$("$work/first/packaging/artefact" kernel)
}

# Times of initcalls as the kernel prints them, the least of all runs, added up by fragment.
shares() {
	local i
	for ((i = 0; i < runs; i++)); do
		boot "$ours/vmlinux" "initcall_debug loglevel=8 log_buf_len=4M"
		sed -nE 's/.*initcall ([A-Za-z0-9_]+)\+.* after ([0-9]+) usecs.*/call \1 \2/p' "$work/console"
	done | awk '
		FILENAME != "-" && $1 == "size" { text[$2] = $3; data[$2] = $4 + $5; next }
		FILENAME != "-" && $1 == "initcall" { of[$3] = $2; next }
		$1 == "call" && (!($2 in least) || $3 < least[$2]) { least[$2] = $3 }
		END {
			for (f in least)
				spent[f in of ? of[f] : "core"] += least[f]
			print "| fragment | code | data | initcalls |\n|---|---|---|---|"
			fflush()
			for (f in text)
				printf "| %s | %.0f KiB | %.0f KiB | %.1f ms |\n", f, text[f] / 1024, \
					data[f] / 1024, spent[f] / 1000 | "sort"
		}' "$ours/shares" -
}

prepare
declare -A boots=() memories=()
for ((i = -1; i < runs; i++)); do
	for one in ours theirs; do
		read -r spent memory <<<"$(measure "${!one}/vmlinux")"
		[ "$i" = -1 ] || boots[$one]+=" $spent" memories[$one]+=" $memory"
	done
done
echo "kernel_boot${boots[ours]}"
echo "kernel_boot_first${boots[theirs]}"
echo "kernel_memory${memories[ours]}"
echo "kernel_memory_first${memories[theirs]}"
echo "kernel_large $(($(idle "$ours/vmlinux" 2048) - $(idle "$ours/vmlinux" 256)))"
echo "kernel_large_first $(($(idle "$theirs/vmlinux" 2048) - $(idle "$theirs/vmlinux" 256)))"
echo "kernel_first $(stat -c %s "$theirs/vmlinux")"
[ $# = 0 ] || shares >"$1"
