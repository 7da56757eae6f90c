#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# variants: CONTAINERD=1 CONTAINERD=2
# place: own
#
# The life of an installation on a node of its own: installed, installed again for nothing, a version
# that does not boot taken back without a restart, an upgrade beside a running pod, and a removal right
# after that pod's.
. "$(dirname "$0")/../releases.sh"

release 1.0.1 "$dist/kata"
mkdir "$work/bad"
cp -a "$dist/kata" "$work/bad/kata"
echo "not a kernel" >"$work/bad/kata/share/kata-containers/vmlinux.container"
release 1.0.2 "$work/bad/kata"
rm -rf "$work/bad"
release 1.0.3 "$dist/kata"

note "install"
manifests 1.0.1 >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null
rolled_out
expect "label" true "$(label)"
is_current 1.0.1 || fail "the current version is $(current)"
expect "handler of RuntimeClass kata" kata-qemu "$(k get runtimeclass kata -o 'jsonpath={.handler}')"
has_event KataInstalled 1.0.1 || fail "there is no event KataInstalled"

note "install again: nothing is written, nothing restarted"
pid=$(containerd_pid)
touch "$work/before"
system delete pod "$(pod_of)" >/dev/null
rolled_out
system logs "$(pod_of)" | grep -q 'nothing to do' || fail "the second run did something"
expect "pid of containerd" "$pid" "$(containerd_pid)"
expect "files written" "" "$(find "$root/opt/kata" "$root/etc" -newer "$work/before" -type f ! -name mtab)"

note "a version that does not boot is taken back; containerd does not notice"
use_version 1.0.2
eventually 300 "the failure to be told" has_event KataInstallFailed 'boot a sandbox'
eventually 60 "the label to come back" is_labelled true
is_current 1.0.1 || fail "the current version is $(current)"
expect "pid of containerd" "$pid" "$(containerd_pid)"

note "an upgrade beside a running pod"
begin_pod
use_version 1.0.3
rolled_out
is_current 1.0.3 || fail "the current version is $(current)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
k exec lasting -- true || fail "the pod does not answer after the upgrade"
expect_match "versions" '1\.0\.1-' "$(versions)"

known() { on_node sh -c 'ctr -n k8s.io containers ls' | awk '$3 ~ /kata/' | grep -c .; }

note "removing waits for what a deleted pod left in containerd, and restores the node"
k delete pod lasting >/dev/null
expect_match "containers the kubelet has not collected" '^[1-9]' "$(known || true)"
end_installation
expect "label" "" "$(label)"
expect_restored
expect "RuntimeClasses" "" "$(k get runtimeclass -o name)"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
