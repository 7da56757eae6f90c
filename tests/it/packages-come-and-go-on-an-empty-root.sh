#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 600
#
# RPM packages on a root with nothing in it, no shell, no /proc, no network: the version appears, whole, whenever what makes
# it is killed; an upgrade keeps what a sandbox names and the one before; a removal leaves what the sandbox uses, with the
# program that removes it; without a sandbox nothing is left but settings.
. "$(dirname "$0")/machine.sh"

require rpm rpmbuild jq
export KATA_PACK_LEVEL=0
first=$(cat "$top/VERSION") second=99.0.0
another_release $second "$work/release"
"$top/packaging/rpm/build.sh" "$dist" "$work/1" >/dev/null
"$top/packaging/rpm/build.sh" "$work/release" "$work/2" >/dev/null
root=$work/root
mkdir "$root"

# Debian's rpm says that it is not Debian's way.
rpm_there() { unshare --net rpm --root "$root" --nosignature "$@" 2> >(grep -vE 'use Alien|know what you are doing' >&2); }
manager() { chroot "$root" /opt/kata/bin/kata-manager "$@"; }
current() { readlink "$root/opt/kata/current" | sed 's#^versions/##'; }
versions() { (cd "$root/opt/kata/versions" && echo *); }
all() { rpm --root "$root" -qa 2>/dev/null; }

note "installed"
rpm_there --initdb
rpm_there -i "$work"/1/*.rpm
v1=$(current)
expect "version" "$first-$(tail -n 1 "$dist/kata/MANIFEST" | cut -c8-19)" "$v1"
expect "packages" 6 "$(all | wc -l)"
manager verify
! [ -e "$root/bin/sh" ] || fail "there is a shell: the root was not empty"
expect "the link" /opt/kata/bin/containerd-shim-kata-v2 "$(readlink "$root/usr/bin/containerd-shim-kata-v2")"
# shellcheck disable=SC2046 # names
expect "what rpm finds changed" "" "$(rpm --root "$root" --nosignature -V $(all) 2>/dev/null)"

note "an upgrade, with a sandbox"
mkdir -p "$root/run/vc/sbs/one"
echo '{"version": 1, "version_dir": "/opt/kata/versions/'"$v1"'"}' >"$root/run/vc/sbs/one/state.json"
rpm_there -U "$work"/2/*.rpm
v2=$(current)
expect_match "version" "^$second-" "$v2"
expect "versions" "$v1 $v2" "$(versions)"
manager verify

note "a part that is missing comes back by the trigger"
rm "$root/opt/kata/current/share/kata-containers/vmlinux.config"
rpm_there -U --replacepkgs "$work"/2/kata-agent-image-*.rpm
manager verify "$v2"

note "killed at any moment"
parts=/usr/lib/kata-containers
for after in 0.005 0.01 0.02 0.05 0.1 0.2 0.4; do
	rm "$root/opt/kata/current/share/kata-containers/vmlinux.config"
	timeout -s KILL $after chroot "$root" $parts/bin/kata-manager assemble $parts >/dev/null 2>&1 || true
	expect "version, killed after $after s" "$v2" "$(current)"
	chroot "$root" $parts/bin/kata-manager assemble $parts >/dev/null 2>&1
	manager verify >/dev/null
	expect "versions" "$v1 $v2" "$(versions)"
done

note "removed, while a sandbox uses it"
# shellcheck disable=SC2046
rpm_there -e $(all)
expect "packages" "" "$(all)"
expect "versions" "$v1 $v2" "$(versions)"
expect "the link" /opt/kata/bin/containerd-shim-kata-v2 "$(readlink "$root/usr/bin/containerd-shim-kata-v2")"
expect_status 4 manager remove --yes
rm -r "$root/run/vc/sbs"
manager remove --yes
! [ -e "$root/opt/kata" ] || fail "left: $(find "$root/opt/kata")"
! [ -L "$root/usr/bin/containerd-shim-kata-v2" ] || fail "the link is left"

note "removed, though a record cannot be read"
rpm_there -i "$work"/1/*.rpm
mkdir -p "$root/run/vc/sbs/odd"
echo '{' >"$root/run/vc/sbs/odd/state.json"
# shellcheck disable=SC2046
rpm_there -e $(all)
expect "packages" "" "$(all)"
expect "versions" "$v1" "$(versions)"
rm -r "$root/run/vc/sbs"
manager dismantle --purge
! [ -e "$root/opt/kata" ] || fail "left: $(find "$root/opt/kata")"

note "removed, and nothing uses it"
# As config set writes it, which asks the machine first.
mkdir -p "$root/etc/kata-containers/config.d"
printf '[hypervisor.qemu]\nallow_emulation = true\n' >"$root/etc/kata-containers/config.d/50-kata-manager.toml"
rpm_there -i "$work"/1/*.rpm
[ -f "$root/etc/kata-containers/configuration.toml" ] || fail "the setting is beside no configuration"
# shellcheck disable=SC2046
rpm_there -e $(all)
! [ -e "$root/opt/kata" ] || fail "left: $(find "$root/opt/kata")"
expect "what is left of files" "etc/kata-containers/config.d/50-kata-manager.toml" \
	"$(cd "$root" && find etc opt run usr '!' -type d | sort | paste -sd' ')"
