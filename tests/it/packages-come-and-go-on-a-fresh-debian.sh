#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
#
# Debian packages on the next Debian, fresh, without a network.  Whatever order they come in, the version appears once all
# of them are there, whole, and containers are VMs by it; nothing is started and no network asked.  An upgrade leaves a
# container that runs what it began with; a roll-back is not undone by the next trigger, and a trigger mends a version.  A
# removal leaves what the container uses; a purge says that it does, and once it has ended takes everything: the machine is
# what it was.  Settings outlive a removal and not a purge.  Another program's root is left alone.
. "$(dirname "$0")/machine.sh"

require dpkg-deb jq
export KATA_PACK_LEVEL=0
names=(kata-containers kata-runtime kata-manager kubectl-kata kata-agent-image kata-hypervisor-qemu)

note "packages of two versions"
first=$(cat "$top/VERSION") second=99.0.0
another_release $second "$work/release"
begin_machine "$("$top/packaging/artefact" test-docker)/root"
"$top/packaging/deb/build.sh" "$dist" "$work/data/1" >/dev/null
"$top/packaging/deb/build.sh" "$work/release" "$work/data/2" >/dev/null

install_packages() { # FOLDER [NAME]...
	local folder=$1 name files=()
	shift
	for name; do
		files+=("$(cd "$work/data" && echo "$folder/$name"_*.deb)")
	done
	inside dpkg -i "${files[@]/#//opt/data/}" 2>&1
}
current() { inside readlink /opt/kata/current | sed 's#^versions/##'; }
versions() { inside ls /opt/kata/versions | paste -sd' '; }
has_package() { [ "$(inside dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = "$2" ]; }
before=$(picture /)
programs() { inside sh -c 'readlink /proc/[0-9]*/exe | grep -v -e /sh -e /dash -e /readlink -e /grep -e /bash -e /sleep || true' | sort; }
processes=$(programs)

note "one after the other: the last one makes it whole"
install_packages 1 kata-manager
inside kata-manager config set hypervisor.qemu.allow_emulation true
inside kata-manager config set hypervisor.qemu.default_memory 256
install_packages 1 kubectl-kata kata-agent-image
! inside test -e /opt/kata || fail "there is a version of half of the parts"
install_packages 1 kata-runtime && fail "kata-runtime is content without a hypervisor"
! inside test -e /opt/kata/versions || fail "there is a version of half of the parts"
install_packages 1 kata-hypervisor-qemu
inside dpkg --configure -a
install_packages 1 kata-containers
v1=$(current)
expect_match "version" "^$first-" "$v1"
expect "complaints of dpkg" "" "$(inside dpkg --audit)"
expect "the digest is the release's" "$first-$(tail -n 1 "$dist/kata/MANIFEST" | cut -c8-19)" "$v1"
inside kata-manager verify
expect "who keeps it" kata-manager "$(inside kata-manager status -o json | jq -r .owner)"
expect "programs that run" "$processes" "$(programs)"

note "a container is a VM"
start_containerd
kernel=$(run_kata one uname -r)
[ "$kernel" != "$(uname -r)" ] || fail "the container has this machine's kernel"
expect_match "/usr/bin/kata-runtime" "$first" "$(inside kata-runtime version)"
ctr run -d --runtime "$runtime" "$image" stays sleep 100000

note "an upgrade with a container that runs"
install_packages 2 "${names[@]}"
v2=$(current)
expect_match "version" "^$second-" "$v2"
expect "versions" "$v1 $v2" "$(versions)"
expect "the container's version" "$v1 version" \
	"$(inside kata-manager status -o json | jq -r '.sandboxes[0] | .version + " " + .causes[0].cause')"
expect "a program in it" "$kernel" "$(ctr task exec --exec-id e1 stays uname -r)"
expect "a new container" "$kernel" "$(run_kata two uname -r)"

note "gone back from, it does not come by itself; and what is missing comes back"
inside kata-manager rollback
expect "version" "$v1" "$(current)"
install_packages 2 kata-agent-image
expect "version after a trigger" "$v1" "$(current)"
inside kata-manager rollback
expect "version" "$v2" "$(current)"
inside rm /opt/kata/current/share/kata-containers/vmlinux.config
install_packages 2 kata-agent-image
inside kata-manager verify "$v2"

note "half of an upgrade changes nothing"
install_packages 1 kata-agent-image || true
expect "version" "$v2" "$(current)"
inside kata-manager verify "$v2"
install_packages 2 kata-agent-image
inside dpkg --configure -a
expect "complaints of dpkg" "" "$(inside dpkg --audit)"

note "removed, while it runs"
inside dpkg -r "${names[@]}"
expect "versions" "$v1 $v2" "$(versions)"
! inside test -e /usr/lib/kata-containers || fail "the packages left $(inside find /usr/lib/kata-containers)"
expect "a program in it" "$kernel" "$(ctr task exec --exec-id e2 stays uname -r)"
status=0 said=$(inside dpkg -P kata-runtime 2>&1) || status=$?
expect "status of the purge" 1 "$status"
expect_match "what it says" "sandboxes still use '/opt/kata'" "$said"
expect "a program in it" "$kernel" "$(ctr task exec --exec-id e3 stays uname -r)"
ctr task kill -s KILL stays
eventually 30 "the container to end" ctr task delete stays >/dev/null
ctr container delete stays
# One that does not run is no reason to stay.
ctr container create --runtime "$runtime" "$image" remembered sleep 1
inside dpkg -P "${names[@]}"
ctr container delete remembered
stop_containerd
diff <(echo "$before") <(picture /) || fail "the machine is not what it was"
! inside test -e /opt/kata || fail "/opt/kata is left"
! inside test -e /etc/kata-containers || fail "/etc/kata-containers is left"

note "settings outlive a removal"
install_packages 1 "${names[@]}" >/dev/null
inside kata-manager config set hypervisor.qemu.allow_emulation true
inside kata-manager config set hypervisor.qemu.default_memory 300
inside dpkg -r "${names[@]}" >/dev/null
! inside test -e /opt/kata || fail "/opt/kata is left: $(inside find /opt/kata)"
! inside test -e /usr/bin/containerd-shim-kata-v2 || fail "the link is left"
inside grep -q 300 /etc/kata-containers/config.d/50-kata-manager.toml
install_packages 1 "${names[@]}" >/dev/null
expect "the setting" 300 "$(inside kata-manager config show -o json | jq -r '.items[] | select(.key == "hypervisor.qemu.default_memory").value')"
inside dpkg -r "${names[@]}" >/dev/null
inside dpkg -P kata-runtime
diff <(echo "$before") <(picture /) || fail "the machine is not what it was"

note "another program's root"
inside mkdir -p /opt/kata/versions/1.0.0-aaaaaaaaaaaa
theirs=$(inside find /opt/kata)
status=0 said=$(install_packages 1 "${names[@]}") || status=$?
expect "status" 1 "$status"
expect_match "what it says" "'/opt/kata' has an installation of kata-deploy" "$said"
inside dpkg -P "${names[@]}" >/dev/null
expect "their root" "$theirs" "$(inside find /opt/kata)"
passed
