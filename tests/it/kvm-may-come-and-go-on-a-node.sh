#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1200
# place: machine
#
# A node whose module of KVM is not loaded is not suitable: it says so and what to do, its pod is ready and nothing is
# installed.  When somebody loads the module kata-deploy installs by itself, in the same pod; when it goes, the node
# loses the label without losing what is installed, and when it comes back nothing is restarted.
engine=1
. "$(dirname "$0")/../vm/kubernetes.sh"

rolled_out() { system rollout status daemonset/kata-deploy --timeout=300s >/dev/null || fail "not rolled out"; }
instance() { k get node $name -o 'jsonpath={.metadata.labels.kata-deploy\.katacontainers\.io/default}'; }
is_unsuitable() { [ "$(instance) $(condition reason)" = "unsuitable NoVirtualization" ]; }
restarts() { system get pods -l app=kata-deploy -o 'jsonpath={.items[0].metadata.name} {.items[0].status.containerStatuses[0].restartCount}'; }

# shellcheck disable=SC2034 # for boot_vm
vm_arguments=modprobe.blacklist=kvm_amd
up
! vm test -e /sys/module/kvm_amd || fail "kvm_amd is loaded"
before=$(configuration)

note "not suitable"
k kustomize "$top/manifests" | k apply -f - >/dev/null
rolled_out
eventually 60 "the node to be told apart" is_unsuitable
expect "KataReady" False "$(condition status)"
expect_match "what the condition says" 'load it with modprobe kvm_amd' "$(condition message)"
expect "the label" false "$(label)"
expect "configuration" "$before" "$(configuration)"
expect "versions" "" "$(vm sh -c 'ls -A /opt/kata/versions 2>/dev/null || true')"
pod=$(restarts) pid=$(main_pid)

note "modprobe"
vm modprobe kvm_amd
eventually 300 "the label" is_labelled
note "installed"
eventually 30 "KataReady" test "$(condition status)" = True
expect "the installer and its restarts" "$pod" "$(restarts)"
[ "$(main_pid)" != "$pid" ] || fail "containerd was not restarted"
begin_pod box </dev/null
expect_vhost
k delete pod box --grace-period=1 --timeout=60s >/dev/null
eventually 60 "everything to go" vm_left

note "the module goes"
pid=$(main_pid) configured=$(configuration)
vm modprobe -r kvm_amd
eventually 60 "the node to be told apart" is_unsuitable
expect "the label" false "$(label)"
expect_match "what the condition says" 'load it with modprobe kvm_amd' "$(condition message)"
expect "configuration" "$configured" "$(configuration)"
vm test -e /opt/kata/current/bin/qemu-system-x86_64 || fail "the version is gone"
rolled_out

note "and comes back"
vm modprobe kvm_amd
eventually 300 "the label" is_labelled
expect "KataReady" True "$(condition status)"
expect "the installer and its restarts" "$pod" "$(restarts)"
expect "pid of containerd" "$pid" "$(main_pid)"

note "removed while the node is not suitable"
vm modprobe -r kvm_amd
eventually 60 "the node to be told apart" is_unsuitable
system delete daemonset kata-deploy --cascade=foreground --timeout=200s >/dev/null
expect "the label" "" "$(label)$(instance)"
expect "configuration" "$before" "$(configuration)"
expect "what is left in /opt/kata" "" "$(vm ls -A /opt/kata)"
passed
