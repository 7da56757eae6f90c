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
# tests/torture/power-cuts-of-a-machine.sh has roll-backs and removals.
. "$(dirname "$0")/../vm/manager.sh"

up

note "check, plan, install"
km check
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
expect "the engines" "$all_engines" "$(engines)"
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
is_as_before
eventually 60 "the services" services_run

note "a power cut while a sandbox of the new version boots"
km install --from $from --key /node/kata.pub >/dev/null
vm sync
begin upgrade --from $next
cut_while "the canary" has_canary
# Until it has booted nothing is changed that would have to be taken back.
expect "what it says" "$first false" "$(state)"
whole "$first"
km recover
no_rest
whole "$first"

note "a power cut while containerd is restarted"
slow_restart
begin upgrade --from $next --engines docker
cut_while "the restart" is_restarting
expect "what it says" "$second true" "$(state)"
whole "$second"
usual_restart
km recover
expect "what it says" "$first false" "$(state)"
expect "the engines" "$all_engines" "$(engines)"
whole "$first"
km upgrade --from $next >/dev/null
whole "$second"
km remove --yes
is_as_before
passed
