#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# place: own
#
# A disk that is full, from the beginning or in the middle of unpacking: the node says so and what to do, nothing half is
# left, containerd does not notice, and once there is room the installation goes on by itself.  The disk is a tmpfs.
. "$(dirname "$0")/../installing.sh"

version=$(cat "$top/VERSION")
advice="No space left on device; make room on that disk of the node"
configuration >"$work/configuration"
pid=$(containerd_pid)
resize() { on_node mount -o "remount,size=$1" /opt/kata; }

expect_nothing_done() {
	expect_match "what the installer logs" "$advice" "$(says)"
	eventually 10 "the label false" is_labelled false
	expect "journal" "" "$(on_node find /opt/kata -name journal)"
	expect "versions" "" "$(on_node find /opt/kata -mindepth 2)"
	expect "pid of containerd" "$pid" "$(containerd_pid)"
	diff "$work/configuration" <(configuration) || fail "the configuration of containerd has changed"
}

cleanup says
"$cluster" load "$name" "$dist/kata-deploy-image.tar"
note "a disk that takes nothing, on a node whose label outlived an installation"
k label node "$name" katacontainers.io/kata-runtime=true kata-deploy.katacontainers.io/default=true
on_node mkdir /opt/kata
on_node mount -t tmpfs -o mode=755,size=4k tmpfs /opt/kata
on_node sh -c 'echo full >/opt/kata/filler'
manifests "$version" | k apply -f - >/dev/null
eventually 60 "the failure to be told" has_event KataInstallFailed "check the node: .*cannot write '/opt/kata/.*': $advice"
expect_nothing_done

note "a disk that fills up while the release is unpacked"
# Unpacking takes some 0.3 s: to see its first file and stop it costs one word that is written to the pod's cgroup.
# freezer - that file and the words for stop and go, on one line: of version 1 or of version 2.
freezer() {
	on_node sed -n '/:freezer:/{s,^[^/]*\(.*\),/sys/fs/cgroup/freezer\1/freezer.state FROZEN THAWED,p;q}
		s,^0::\(.*\),/sys/fs/cgroup\1/cgroup.freeze 1 0,p' "/proc/$(on_node pgrep -o kata-deploy)/cgroup"
}
read -ra freezer < <(freezer)
exec {filler}< <(on_node sh -c '
	file=$1 stop=$2 go=$3
	echo ready
	until set -- /opt/kata/versions/.new-*/*; [ -e "$1" ]; do :; done
	echo "$stop" >"$file"
	for size in 4m 8m 16m 32m; do mount -o "remount,size=$size" /opt/kata && break; done 2>/dev/null
	echo "$?"
	echo "$go" >"$file"' sh "${freezer[@]}")
read -r ready <&"$filler"
expect "what fills the disk" ready "$ready"
resize 400m
eventually 60 "the second failure to be told" has_event KataInstallFailed "unpack and verify the release: making '/opt/kata/versions/$version-.*$advice"
read -r -t 60 filled <&"$filler" || fail "nothing filled the disk"
expect "making the disk small" 0 "$filled"
expect_nothing_done

note "room again"
resize 400m
eventually 240 "the installation that succeeds by itself" is_labelled true
is_current "$version" || fail "the version $version is not current"
expect "KataReady" True "$(k get node "$name" -o 'jsonpath={.status.conditions[?(@.type=="KataReady")].status}')"
expect "restarts of the installer" 0 "$(system get pods -l app=kata-deploy -o 'jsonpath={.items[0].status.containerStatuses[0].restartCount}')"
