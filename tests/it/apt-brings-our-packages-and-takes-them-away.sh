#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
#
# apt itself, on a fresh Debian with Docker and no network: it refuses the meta package without the others, installs them all
# from their files, upgrades and downgrades them while a container runs, which keeps its version, and purges them: the machine
# is what it was.  What dpkg does in between is packages-come-and-go-on-a-fresh-debian.sh.
. "$(dirname "$0")/machine.sh"

require dpkg-deb jq
export KATA_PACK_LEVEL=0
mkdir "$work/disk"
cleanup umount "$work/disk"
mount -o loop,ro,noload "$("$top/packaging/artefact" node-vm-docker)/disk.ext4" "$work/disk"

note "packages of two versions"
another_release 99.0.0 "$work/release"
begin_machine "$work/disk"
"$top/packaging/deb/build.sh" "$dist" "$work/data/1" >/dev/null
"$top/packaging/deb/build.sh" "$work/release" "$work/data/2" >/dev/null

apt() { # VERB OPTION-OR-NAME...
	inside env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" </dev/null
}
# files FOLDER [NAME] - of packages, as apt wants files to be named.
files() { (cd "$work/data" && printf '/opt/data/%s\n' "$1/${2:-}"*.deb); }
current() { inside readlink /opt/kata/current | sed 's#^versions/##'; }
status() { inside kata-manager status -o json | jq -r "$1"; }
machine_is() { diff <(echo "$before") <(picture / | grep -v '/var/lib/apt/') || fail "the machine is not what it was"; }
mapfile -t first < <(files 1)
mapfile -t second < <(files 2)
note "$(inside apt-get --version | head -n 1), Debian $(inside cat /etc/debian_version)"
before=$(picture / | grep -v '/var/lib/apt/')

note "one without those that it needs"
expect_status 100 apt install "$(files 1 kata-containers_)"
machine_is

note "all"
apt install "$(files 1 kata-manager_)"
inside kata-manager config set hypervisor.qemu.allow_emulation true
inside kata-manager config set hypervisor.qemu.default_memory 256
apt install "${first[@]}"
v1=$(current)
expect_match "version" "^$(cat "$top/VERSION")-" "$v1"
inside apt-get check -q
expect "complaints of dpkg" "" "$(inside dpkg --audit)"
inside kata-manager verify
expect "once more: nothing to do" 1 "$(apt install "${first[@]}" | grep -c ' 0 newly installed, ')"
expect "the version after that" "$v1" "$(current)"
start_containerd
kernel=$(run_kata one uname -r)
[ "$kernel" != "$(uname -r)" ] || fail "the container has this machine's kernel"
ctr run -d --runtime "$runtime" "$image" stays sleep 100000

note "upgraded and downgraded, with a container that runs"
apt install "${second[@]}"
v2=$(current)
expect_match "version" '^99\.0\.0-' "$v2"
expect "the container's version" "$v1 version" "$(status '.sandboxes[0] | .version + " " + .causes[0].cause')"
expect "a program in it" "$kernel" "$(ctr task exec --exec-id e1 stays uname -r)"
expect "a new container" "$kernel" "$(run_kata two uname -r)"
apt install --allow-downgrades "${first[@]}"
expect "version" "$v1" "$(current)"
expect "the container is stale" "" "$(status '.sandboxes[0].causes[0].cause // ""')"

note "removed while it runs, and purged"
apt remove kata-runtime
expect "what is there without it" "" "$(inside dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' 'kata-c*' 'kata-r*' | grep ' installed' || true)"
expect "a program in it" "$kernel" "$(ctr task exec --exec-id e2 stays uname -r)"
ctr task kill -s KILL stays
eventually 30 "the container to end" ctr task delete stays >/dev/null
ctr container delete stays
# A package of which nothing is left is one that apt, without lists, does not know.
mapfile -t left < <(inside dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'kata*' kubectl-kata |
	awk '$2 == "installed" || $2 == "config-files" { print $1 }')
note "left: ${left[*]}"
apt purge "${left[@]}"
stop_containerd
machine_is
! inside test -e /opt/kata || fail "/opt/kata is left"
! inside test -e /etc/kata-containers || fail "/etc/kata-containers is left"
expect "what is left to remove" "" "$(apt autoremove --dry-run | grep '^Remv.*kata' || true)"
passed
