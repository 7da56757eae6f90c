#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
#
# On a fresh Debian without a container engine `kata-manager install` asks whether apt shall bring containerd and the
# plugins of its networks: without an answer, and after a no, it is done without; after a yes they are there, and the
# containerd that nobody started has our handler.  Nothing is asked with --engines none.  A removal leaves what packages
# brought, as they brought it.
#
# The Debian is a folder of its own; nothing is run in it but in namespaces of its own.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/cluster/debian-tree.sh"

require_root
require mmdebstrap unshare script jq
dist=${KATA_DIST_DIR:-$top/build/dist}
manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager
[ -x "$manager" ] || skip "no release build; './dev package' makes one"
archive=$(echo "$dist"/kata-static-*.tar.zst)
[ -e "$archive" ] || skip "no packed release; './dev package' makes one"
root=$work/root

note "a fresh Debian"
archives bookworm >"$work/sources"
[ -s "$work/sources" ] || skip "apt knows no archive of Debian bookworm here"
mmdebstrap --quiet --mode=root --variant=apt --format=directory --aptopt='APT::Install-Recommends "false"' \
	--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' bookworm "$root" "$work/sources"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/release"
cp "$archive" "$manager" "$root/release/"

# in_root COMMAND... - with /proc, devices and this machine's network.
in_root() {
	unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" sh -euc '
		root=$1
		shift
		mount --rbind /dev "$root/dev"
		mount -t sysfs -o ro sysfs "$root/sys"
		mount -t tmpfs tmpfs "$root/run"
		exec chroot "$root" "$@"' - "$root" "$@"
}
km() { in_root /release/kata-manager "$@"; }
on_terminal() { # COMMAND...
	script -qec "$(printf '%q ' unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" sh -c \
		"mount --rbind /dev '$root/dev'; mount -t sysfs -o ro sysfs '$root/sys'; mount -t tmpfs tmpfs '$root/run'; exec chroot '$root' $*")" /dev/null
}
has() { in_root dpkg -s "$1" >/dev/null 2>&1; }
install=(install --from /release --insecure-unsigned)
km config set hypervisor.qemu.allow_emulation true

note "nobody can be asked"
km "${install[@]}" </dev/null >"$work/said" 2>&1 || fail "status $?: $(cat "$work/said")"
expect_match "what it says" 'apt-get install containerd and containernetworking-plugins.*--yes|done without.*--yes' "$(tr '\n' ' ' <"$work/said")"
! has containerd || fail "containerd was brought without an answer"
expect "engines" 0 "$(km status -o json | jq '.engines | length')"

note "somebody says no, or does not want to be asked"
asked n "$work/said" on_terminal /release/kata-manager "${install[@]}" || fail "$(cat "$work/said")"
expect_match "the question" 'This machine has no container engine' "$(cat "$work/said")"
! has containerd || fail "containerd was brought against the answer"
km "${install[@]}" --yes --engines none
! has containerd || fail "containerd was brought though no engine was wanted"
km "${install[@]}" --yes
! has containerd || fail "the choice was not kept"

note "somebody says yes"
asked y "$work/said" on_terminal /release/kata-manager "${install[@]}" --engines all || fail "$(cat "$work/said")"
cat "$work/said"
has containerd || fail "there is no containerd"
has containernetworking-plugins || fail "there are no plugins"
expect "the engines" "nerdctl false true, containerd false true" \
	"$(km status -o json | jq -r '[.engines[] | "\(.name) \(.running) \(.configured)"] | join(", ")')"
in_root grep -q 'runtimes.kata\]' /etc/containerd/config.toml || fail "containerd has no handler"
expect "again" "0 0" "$(km "${install[@]}" -o json </dev/null | jq -r '"\(.steps) \(.writes)"')"

note "removed"
km remove --yes
expect "files of the package that are different" "" "$(in_root dpkg -V containerd)"
has containerd || fail "containerd went with Kata"
