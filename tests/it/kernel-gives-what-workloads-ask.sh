#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The guest kernel takes every rule of iptables and nftables, makes every device, queue and tunnel, knows
# the file systems and answers the calls that strangers' workloads make: the tables in tests/it/kernel,
# run in one guest by Debian's own programs.  KERNEL=FILE tries another kernel.
#
# timeout: 400
. "$(dirname "$0")/../lib.sh"

require gcc busybox cpio ip tc nft conntrack ipset ipvsadm iptables-legacy
tables=$top/tests/it/kernel
kernel=${KERNEL:-$("$top/packaging/artefact" kernel)/vmlinux}
qemu=$("$top/packaging/artefact" qemu)
root=$work/root
programs=(busybox dash ip tc nft conntrack ipset ipvsadm xtables-legacy-multi xtables-nft-multi)
applets=(mount umount mkdir grep cat tail echo test touch rm wc dd cp awk zcat mke2fs mkdosfs poweroff)
kinds=(legacy nft)

# The programs with the libraries that the dynamic linker would load for them.
make_root() {
	local name kind
	mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tables,tmp}
	for name in "${programs[@]}"; do
		cp "$(command -v "$name")" "$root/bin/"
	done
	for kind in "${kinds[@]}"; do
		ln -s "xtables-$kind-multi" "$root/bin/iptables-$kind"
		ln -s "xtables-$kind-multi" "$root/bin/ip6tables-$kind"
	done
	# Not busybox's: it prefers commands of its own to those on the path.
	ln -s dash "$root/bin/sh"
	ln -s xtables-nft-multi "$root/bin/arptables-nft"
	ln -s xtables-nft-multi "$root/bin/ebtables-nft"
	for name in "${applets[@]}"; do
		ln -s busybox "$root/bin/$name"
	done
	{
		find /usr/lib/x86_64-linux-gnu/xtables -name '*.so'
		for name in "${programs[@]}"; do
			ldd "$(command -v "$name")" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*' || true
		done
	} | sort -u | tar -C / --transform 's,^/*,,' -chPf - -T - | tar -C "$root" -xf -
	cp -r /etc/protocols /etc/iproute2 "$root/etc/"
	cp "$tables/init" "$root/"
	cp "$tables"/*.table "$root/tables/"
	gcc -static -O1 -s -o "$root/bin/probes" "$tables/probes.c"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initrd"
}

make_root
note "boot"
# Programs at fixed addresses (norandmaps): QEMU keeps what it translated by its address.
timeout 300 "$qemu/bin/qemu-system-x86_64" -M q35 -accel tcg -cpu max,erms=off,fsrm=off -m 512 -nodefaults \
	-no-user-config -display none -serial stdio -no-reboot -bios qboot.rom -kernel "$kernel" \
	-initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet loglevel=1 reboot=t mitigations=off norandmaps" \
	</dev/null >"$work/console" 2>&1 || { tail -n 40 "$work/console"; fail "QEMU ended with $?"; }
tr -d '\r' <"$work/console" >"$work/said"
note "$(grep -c '^ok ' "$work/said") checks hold"
grep -q '^end$' "$work/said" || { tail -n 40 "$work/said"; fail "the guest did not come to the end"; }
if grep '^bad ' "$work/said"; then
	fail "$(grep -c '^bad ' "$work/said") checks do not hold"
fi
