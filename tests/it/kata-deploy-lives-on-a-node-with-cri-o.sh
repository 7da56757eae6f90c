#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 3000
# place: machine
#
# The life of an installation on a node with a real CRI-O, systemd and the kubelet: it takes one restart; a pod runs
# in a VM and outlives restarts of CRI-O and what systemd does to its slice; a second run and an upgrade restart nothing;
# and at the end the node is as it was, byte for byte.
#
# KATA_TEST_CRIO is a folder with crio, conmon, pinns and crictl; there is no package of it.
engine=crio
. "$(dirname "$0")/../vm/kubernetes.sh"
. "$top/tests/cluster/make-release.sh"

deliver() { mv "$1" "$work/images/kata-deploy-next.tar"; }
installers() { system get pods -l app=kata-deploy "$@"; }
pod_of() { installers -o 'jsonpath={.items[0].metadata.name}'; }
rolled_out() { system rollout status daemonset/kata-deploy --timeout="${1:-300}s" >/dev/null || fail "not rolled out"; }
current() { vm readlink /opt/kata/current; }
version_of() { vm sh -c 'readlink /proc/$(pidof -s qemu-system-x86_64)/exe'; }
has_no_label() { [ -z "$(label)" ]; }
is_gone() { ! system get daemonset kata-deploy; }
# What the shim has said since CRI-O was restarted, which reads its log no more.
show_shim() {
	[ "${ending:-}" = well ] ||
		vm sh -c 'timeout 3 cat /proc/$(pidof -s containerd-shim-kata-v2)/cwd/log | tail -n 40' || true
}
handlers() { k get node $name -o 'jsonpath={.status.runtimeHandlers[*].name}'; }

version=$(cat "$top/VERSION") next=99.0.0
mkdir "$work/images"
extract_program "$dist/kata-deploy-image.tar"
release $next "$dist/kata"
up
expect_match "its engine" '^cri-o://1\.' "$(k get node $name -o 'jsonpath={.status.nodeInfo.containerRuntimeVersion}')"
cleanup show_shim
before=$(configuration) pid=$(main_pid)

note "install"
k kustomize "$top/manifests/overlays/crio" | k apply -f - >/dev/null
eventually 700 "the label" is_labelled
note "installed"
rolled_out
expect "KataReady" True "$(condition status)"
expect "restarts of the installer" 0 "$(installers -o 'jsonpath={.items[0].status.containerStatuses[0].restartCount}')"
expect_match "what kata-deploy said" "restarting cri-o" "$(said)"
expect "restarts of CRI-O" 1 "$(said | grep -c 'restarting cri-o')"
expect "what CRI-O reads" "crio.conf crio.conf.d/kata-deploy.conf" \
	"$(vm sh -c 'cd /etc/crio && find . -type f -printf "%P\n" | sort' | tr '\n' ' ' | sed 's/ $//')"
expect "mode of its file" 644 "$(vm stat -c %a /etc/crio/crio.conf.d/kata-deploy.conf)"
expect_match "handlers in the node's status" 'kata-qemu' " $(handlers) "

note "a pod"
begin_pod box <<<"resources: {limits: {memory: 128Mi, cpu: 1500m}}"
group=$(vm sh -c 'sed s/^0::// /proc/$(pidof qemu-system-x86_64)/cgroup')
note "cgroup of the VM: $group"
expect_match "cgroup of the VM" '^/kubepods\.slice/kubepods-pod.*\.slice/kata_' "$group"
expect_vhost
expect_status 7 k exec box -- sh -c 'exit 7'
vm busybox httpd -p 8099 -h /node/www
expect "bytes received" 3000000 "$(k exec box -- sh -c "wget -q -O - http://$address:8099/file | wc -c" | tr -d ' ')"

note "a second run does nothing"
pid=$(main_pid)
system delete pod "$(pod_of)" >/dev/null
rolled_out
expect_match "what the second run did" 'nothing to do' "$(said)"
expect "pid of CRI-O" "$pid" "$(main_pid)"

note "the pod outlives a restart of CRI-O"
vm systemctl restart crio
eventually 120 "the pod to answer" k exec box -- true

note "an upgrade beside it"
pid=$(main_pid)
system set image daemonset/kata-deploy "kata-deploy=$image:$next" >/dev/null
rolled_out 400
expect_match "current" "^versions/$next-" "$(current)"
expect "pid of CRI-O" "$pid" "$(main_pid)"
k exec box -- true || fail "the pod does not answer after the upgrade" # one call: a lost one must show
expect_match "the VM's version" "/versions/$version-" "$(version_of)"

note "it is deleted, and a new one has the new version"
k delete pod box --grace-period=1 --timeout=180s >/dev/null
eventually 180 "everything to go" vm_left
begin_pod next </dev/null
expect_match "the VM's version" "/versions/$next-" "$(version_of)"

# The kubelet ends a pod whose slice lacks a controller, and systemd takes away what no unit below asks for.
note "systemd looks at the class of the pod"
slice=/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice
for weight in 2 3; do
	vm systemctl set-property --runtime kubepods-besteffort.slice CPUWeight=$weight
done
expect "controllers of the pod's slice" "$(vm cat $slice/cgroup.controllers)" "$(vm sh -c "cat $slice/*-pod*.slice/cgroup.controllers")"
expect_match "those of its VM" cpuset "$(vm sh -c 'cat "/sys/fs/cgroup$(sed s/^0::// /proc/$(pidof qemu-system-x86_64)/cgroup)/cgroup.controllers"')"

note "removing waits for the pod, and restores the node"
system delete daemonset kata-deploy --cascade=foreground --wait=false >/dev/null
eventually 60 "the label to go" has_no_label
expect "handlers" kata-deploy.conf "$(vm ls /etc/crio/crio.conf.d)"
expect_match "the VM's version" "/versions/$next-" "$(version_of)"
k exec next -- true || fail "the pod does not answer while a removal waits for it"
k delete pod next --grace-period=1 --timeout=180s >/dev/null
eventually 300 "the DaemonSet to be gone" is_gone
eventually 180 "everything to go" vm_left
expect "label" "" "$(label)"
expect "configuration" "$before" "$(configuration)"
expect "what is left in /opt/kata" "" "$(vm ls -A /opt/kata)"
k run plain --image=kata.test/busybox:1 --restart=Never -- sleep 100 >/dev/null
k wait --for=condition=Ready pod/plain --timeout=120s >/dev/null || fail "no plain pod runs afterwards"
passed
