#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 2400
# tier: full
# place: machine
#
# A fresh Debian with systemd and Docker becomes one that runs containers in VMs, and goes back: a signed release is
# installed from its file, by one restart of containerd and one reload of Docker that their containers outlive; `ctr run`
# and `docker run` with --runtime io.containerd.kata.v2 have a kernel of their own, and Docker's its network; `test` runs
# one by each engine.  An upgrade leaves the containers that run what they began with and `status` says which they are and why;
# after a roll-back nothing is stale; what is removed leaves the machine as it was, byte for byte.
#
# The power is cut in the middle of an upgrade, once while a sandbox of the new version boots and once while an engine is
# being restarted.  What then starts has one whole version, says what happened, runs a container, and is taken back.
. "$(dirname "$0")/../vm/testing.sh"
require minisign tar zstd jq

netns=kata-vm$$ image=kata.test/busybox:1 runtime=io.containerd.kata.v2
# shellcheck disable=SC2034 # of testing.sh
vm_image=node-vm-docker
archive=$(echo "${KATA_DIST_DIR:-$top/build/dist}"/kata-static-*.tar.zst)
[ -e "$archive" ] || skip "no packed release; './dev package' makes one"
. "$top/tests/it/releases.sh"

km() { vm /node/kata-manager "$@"; }
asked() { km status -o json | jq -r "$@"; }
current() { asked .current; }
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
make_node_disk "$work/node"
cleanup ip netns del $netns
ip netns add $netns
boot_vm vm1 $netns 192.0.2.2/24 192.0.2.1
ip -n $netns addr add 192.0.2.1/24 dev vm-vm1
wait_vm
note "the machine answered after $vm_took s: Debian $(vm cat /etc/debian_version)"
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

note "check, plan, install"
km check
from=/node/kata-static-9.0.0-amd64.tar.zst next=/node/kata-static-9.1.0-amd64.tar.zst
expect_status 4 km install --from $from
expect_status 6 km plan --from $from --key /node/kata.pub
tree | diff -u "$work/before" - || fail "a plan or a refusal changed the machine"
vm docker run -d --name plain $image sleep 100000 >/dev/null
pids=$(main_pids)
km install --from $from --key /node/kata.pub -o json >"$work/result"
first=$(current)
expect_match "the version" '^9\.0\.0-' "$first"
expect_match "the kernel of a sandbox" '^[0-9]+\.' "$(jq -r .guestKernel "$work/result")"
expect "engines that took their configuration up" 2 "$(jq .restarts "$work/result")"
expect "the engines" "nerdctl true, containerd true, docker true" \
	"$(asked '[.engines[] | "\(.name) \(.configured)"] | join(", ")')"
expect "Docker's process, never restarted" "${pids#* }" "$(main_pids | cut -d' ' -f2)"
expect "a container of runc's" running "$(vm docker inspect -f '{{.State.Status}}' plain)"
km verify

note "ctr run, docker run"
kernel=$(vm ctr run --rm --runtime $runtime $image one uname -r)
[ "$kernel" != "$(vm uname -r)" ] || fail "the container runs on the host's kernel"
expect_match "its kernel" "$(jq -r .guestKernel "$work/result")" "$kernel"
vm docker run -d --name web --runtime $runtime -p 8080:8000 $image \
	sh -c 'mkdir /www && uname -r >/www/kernel && exec httpd -f -p 8000 -h /www' >/dev/null
expect_vhost
served() { [ "$(vm busybox wget -q -O - http://127.0.0.1:8080/kernel)" = "$kernel" ]; }
eventually 60 "the container's answer at its published port" served
gateway=$(vm docker inspect -f '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}' web)
vm docker exec web ping -c 1 -W 20 "$gateway" >/dev/null
expect "by the name of the handler" "$kernel" "$(vm docker run --rm --runtime kata --network none $image uname -r)"

note "test"
km test -o json >"$work/test"
jq -r '.containers[] | "\(.engine): \(.by) \(.guestKernel) \(.proven) \(.why) \(.ms) ms"' "$work/test"
expect "what was tried" "ctr $kernel true, its CRI service null true, docker $kernel true" \
	"$(jq -r '[.containers[] | "\(.by) \(.guestKernel) \(.proven)"] | join(", ")' "$work/test")"

note "upgrade, with containers that run"
vm ctr run -d --runtime $runtime $image stays sleep 100000 >/dev/null
expect "stale before" 0 "$(asked '[.sandboxes[] | select(.causes)] | length')"
pids=$(main_pids)
km upgrade --from $next -o json >"$work/result"
second=$(current)
expect_match "the version" '^9\.1\.0-' "$second"
expect "restarts, as no configuration changed" "0 $pids" "$(jq .restarts "$work/result") $(main_pids)"
km status
expect "what is stale" "$first version, $first version" \
	"$(asked '[.sandboxes[] | "\(.version) \(.causes[0].cause)"] | join(", ")')"
km status | grep -q "version: the node has $second" || fail "status does not say why"
eventually 60 "the container's answer" served
expect "exec in one that is stale" "$kernel" "$(vm ctr tasks exec --exec-id e1 stays uname -r)"
vm docker run -d --name new --runtime $runtime --network none $image sleep 100000 >/dev/null
expect "the version of a new one" "$second" \
	"$(asked --arg id "$(vm docker inspect -f '{{.Id}}' new)" '.sandboxes[] | select(.id == $id).version')"

note "rollback"
km rollback
expect "the version" "$first" "$(current)"
expect "the one that is stale now" "$second" "$(asked '[.sandboxes[] | select(.causes).version] | join(" ")')"
vm docker rm -f new >/dev/null
eventually 60 "the container's answer" served

note "remove"
expect_status 4 km remove --yes
expect_match "who holds it" "container 'web'|container 'stays'" "$(km remove --yes 2>&1 || true)"
end_containers() {
	vm docker rm -f web >/dev/null
	vm ctr tasks kill -s KILL stays
	eventually 60 "the container to end" vm ctr tasks delete stays >/dev/null
	vm ctr containers delete stays
	eventually 60 "everything to go" vm_left
}
end_containers
km remove --yes
vm docker rm -f plain >/dev/null
tree >"$work/after"
diff -u "$work/before" "$work/after" || fail "the machine is not as it was"
eventually 60 "the services" services_run

# whole VERSION - what started is that version, all of it, and runs a container.
whole() {
	expect "the version" "$1" "$(current)"
	km verify "$1"
	expect "the kernel of a container" "$kernel" "$(vm ctr run --rm --runtime $runtime $image "one$RANDOM" uname -r)"
}
# begin_upgrade OPTION... - in the background of the machine.
begin_upgrade() {
	vm systemd-run -q --unit upgrade-$SECONDS /node/kata-manager upgrade --from $next "$@"
}

note "a power cut while a sandbox of the new version boots"
km install --from $from --key /node/kata.pub >/dev/null
vm sync
begin_upgrade
has_canary() { vm sh -c 'ls /run/vc/sbs/*/state.json'; }
eventually 300 "the canary" has_canary
cut_power
power_on
note "the machine answered after $vm_took s"
eventually 120 "containerd and Docker" services_run
km status
# Until it has booted nothing is changed that would have to be taken back.
expect "what it says" "$first false" "$(asked '"\(.current) \(.interrupted)"')"
whole "$first"
km recover
expect "the rest of it" "" "$(vm find /opt/kata -name '.new-*' -o -name '*candidate*' -o -name journal)"
whole "$first"

note "a power cut while containerd is restarted"
vm sh -euc 'mkdir -p /etc/systemd/system/containerd.service.d
	printf "[Service]\nExecStartPre=/bin/sleep 20\n" >/etc/systemd/system/containerd.service.d/slow.conf
	systemctl daemon-reload
	sync'
begin_upgrade --engines docker
is_restarting() { [ "$(vm systemctl show -P ActiveState containerd)" = activating ]; }
eventually 300 "the restart" is_restarting
cut_power
power_on
note "the machine answered after $vm_took s"
eventually 180 "containerd and Docker" services_run
km status
expect "what it says" "$second true" "$(asked '"\(.current) \(.interrupted)"')"
whole "$second"
vm rm -r /etc/systemd/system/containerd.service.d
vm systemctl daemon-reload
km recover
expect "what it says" "$first false" "$(asked '"\(.current) \(.interrupted)"')"
expect "the engines" "nerdctl true, containerd true, docker true" \
	"$(asked '[.engines[] | "\(.name) \(.configured)"] | join(", ")')"
whole "$first"
km upgrade --from $next >/dev/null
whole "$second"
km remove --yes
tree >"$work/after"
diff -u "$work/before" "$work/after" || fail "the machine is not as it was"
passed
