#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# manager.sh - the machine of testing.sh with Docker, for kata-manager, which lies in it beside two signed releases.
# Sourced by tests/it/*.sh and tests/torture/*.sh.
#
# `up` boots it and notes what its disk has.  What a power cut leaves is looked at by `cut_while` and who calls it.
# shellcheck disable=SC2034,SC2154 # some names are for the tests only; first and kernel are the test's
# shellcheck source-path=SCRIPTDIR source=testing.sh
. "$(dirname "${BASH_SOURCE[0]}")/testing.sh"
require minisign tar zstd jq

image=kata.test/busybox:1 runtime=io.containerd.kata.v2
vm_image=node-vm-docker
archive=$(echo "${KATA_DIST_DIR:-$top/build/dist}"/kata-static-*.tar.zst)
[ -e "$archive" ] || skip "no packed release; './dev package' makes one"
# shellcheck source-path=SCRIPTDIR/../it source=releases.sh
. "$top/tests/it/releases.sh"
from=/node/kata-static-9.0.0-amd64.tar.zst next=/node/kata-static-9.1.0-amd64.tar.zst

km() { vm /node/kata-manager "$@"; }
asked() { km status -o json | jq -r "$@"; }
current() { asked .current; }
state() { asked '"\(.current) \(.interrupted)"'; }
engines() { asked '[.engines[] | "\(.name) \(.configured)"] | join(", ")'; }
all_engines="nerdctl true, containerd true, docker true"
is_active() { vm systemctl is-active --quiet "$1"; }
services_run() { is_active containerd && is_active docker && vm docker version >/dev/null; }
main_pids() { vm systemctl show -P MainPID containerd docker | grep . | paste -sd' '; }

# All of the disk but what an engine keeps of its own work: texts by their bytes, programs by their size and time.
tree() {
	vm sh -euc '
		find / -xdev \( -path /node -o -path /tmp -o -path /var/tmp -o -path /var/log -o -path /var/lib/containerd \
			-o -path /var/lib/docker -o -path /var/lib/systemd \) -prune -o ! -type d -printf "%p %y %m %U:%G %s %l\n" \
			-o -printf "%p %y %m %U:%G\n"
		find /usr -xdev -type f -printf "%p %T@\n"
		find /etc /opt /usr/local /root /srv /var/cache -xdev -type f -exec sha256sum {} +' | sort
}

# whole VERSION - what started is that version, all of it, and runs a container.
whole() {
	expect "the version" "$1" "$(current)"
	km verify "$1"
	expect "the kernel of a container" "$kernel" "$(vm ctr run --rm --runtime $runtime $image "one$RANDOM" uname -r)"
}

# begin VERB OPTION... - in the background of the machine.
begin() { vm systemd-run -q --unit "begun-$SECONDS" /node/kata-manager "$@"; }

has_canary() { vm sh -c 'ls /run/vc/sbs/*/state.json'; }
is_restarting() { [ "$(vm systemctl show -P ActiveState containerd)" = activating ]; }
files_go() { vm sh -c 'ls -d /opt/kata/versions/.new-*'; }

# cut_while WHAT WHEN - the power, once WHEN holds; then the machine is started again.
cut_while() {
	eventually 300 "$1" "$2"
	cut_power
	power_on
	note "the machine answered after $vm_took s"
	eventually 180 "containerd and Docker" services_run
	km status
}

slow_restart() {
	vm sh -euc 'mkdir -p /etc/systemd/system/containerd.service.d
		printf "[Service]\nExecStartPre=/bin/sleep 20\n" >/etc/systemd/system/containerd.service.d/slow.conf
		systemctl daemon-reload
		sync'
}
usual_restart() {
	vm rm -r /etc/systemd/system/containerd.service.d
	vm systemctl daemon-reload
}
no_rest() { expect "the rest of it" "" "$(vm find /opt/kata -name '.new-*' -o -name '*candidate*' -o -name journal)"; }
is_as_before() {
	tree >"$work/after"
	diff -u "$work/before" "$work/after" || fail "the machine is not as it was"
}

up() {
	note "two signed releases, and a machine"
	keys ours
	release 9.0.0 ours true
	release 9.1.0 ours 'echo more >>share/kata-containers/LICENSE'
	mkdir "$work/node"
	mv "$work/9.0.0" "$work/node/kata-static-9.0.0-amd64.tar.zst"
	mv "$work/9.1.0" "$work/node/kata-static-9.1.0-amd64.tar.zst"
	cp "$work/ours.pub" "$work/node/kata.pub"
	# As docs/bare-host.md has it.
	tar --zstd -xOf "$archive" opt/kata/bin/kata-manager >"$work/node/kata-manager"
	chmod +x "$work/node/kata-manager"
	cp "$("$top/packaging/artefact" test-images)"/{busybox,pause}.tar "$work/node/"
	mkdir "$work/image"
	tar -xf "$work/node/busybox.tar" -C "$work/image"
	cp "$(find "$work/image/blobs/sha256" -type f -size +100k)" "$work/node/layer"
	boot_alone
	eventually 120 "containerd and Docker" services_run
	vm sh -euc 'ctr images import /node/busybox.tar
		ctr -n k8s.io images import /node/pause.tar
		docker import /node/layer '$image >/dev/null
	# The image that the CRI service wants for a sandbox; and somebody's own words in Docker's file.
	vm sh -euc 'name=$(containerd config dump | sed -n "s/^ *sandbox_image = .\(.*\).$/\1/p")
		ctr -n k8s.io images tag kata.test/pause:1 "$name"
		mkdir -p /etc/docker
		printf "{ \"log-driver\":\"json-file\" }" >/etc/docker/daemon.json
		systemctl restart docker' >/dev/null
	eventually 120 "Docker" services_run
	tree >"$work/before"
}
