#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# power-cuts-of-a-node - the power of a node goes in the middle of an installation, an upgrade, a roll-back and a removal
#
# When the node has booted again the first three come to their end, and nobody helps.  A removal has no pod any more that
# could: the label goes and plain pods run, and a next installation and removal leave the node as it was, byte for byte.  The
# node is a machine of its own with systemd, containerd 2 and a kubelet; the disk is as the machine left it, and what it had
# not yet written is lost.  Some 20 minutes on a busy machine.
# shellcheck disable=SC2034 # of vm/testing.sh
engine=2
vm_has_journal=yes
. "$(dirname "$0")/../vm/kubernetes.sh"
. "$top/tests/cluster/make-release.sh"
require tune2fs

current() { vm readlink /opt/kata/current | cut -d/ -f2; }
is_current() { [[ $(current) == "$1"-* ]]; }
journal() { vm sh -c 'sed -n "s/^do \([a-z]*\).*/\1/p" /opt/kata/journal 2>/dev/null | tail -n 1'; }
has_no_label() { [ -z "$(label)" ]; }
is_gone() { ! system get daemonset kata-deploy >/dev/null 2>&1; }
is_settled() { is_labelled && is_current "$1" && [ -z "$(journal)" ] && [ -z "$(vm sh -c 'ls -d /opt/kata/versions/.new-* 2>/dev/null')" ]; }

# Into the machine, and of it the engine.
deliver() {
	vm_file /node/images/next.tar <"$1"
	vm sh -c 'PATH=/node/containerd:$PATH ctr -n k8s.io images import /node/images/next.tar && sync' >/dev/null
}

# What the machine's log of pods says; the API server need not be asked.
forget_log() { vm sh -c 'find /var/log/pods -name "*.log" -exec truncate -s 0 {} +'; }
has_begun() { vm sh -c "grep -qs 'step [0-9]* of [0-9]*: $1' /var/log/pods/kata-system_*/*/*.log"; }

# cut_at STEP - the power goes when the installer says that it is at that step.
cut_at() {
	eventually 900 "the step '$1'" has_begun "$1"
	cut_power
	power_on
	note "the power went at the step '$1'; half done: '$(journal)'"
	vm sh -c 'rm -rf /var/log/pods/*'
	start_network
	vm systemctl start containerd kubelet
	eventually 300 "the engine to answer" vm sh -c 'PATH=/node/containerd:$PATH ctr version'
	eventually 300 "the node to be Ready" node_is_ready
}

install_it() {
	k kustomize "$top/manifests" | sed "s#image: .*kata-deploy:.*#image: $image:99.0.1#" | k apply -f - >/dev/null
}

use() { forget_log && system set image daemonset/kata-deploy "kata-deploy=$image:$1" >/dev/null; }

extract_program "$dist/kata-deploy-image.tar"
up
before=$(configuration)
release 99.0.1 "$dist/kata"
release 99.0.2 "$dist/kata"

note "the power goes in an installation"
install_it
cut_at "configure the container runtime"
eventually 900 "the installation" is_settled 99.0.1

note "in an upgrade"
use 99.0.2
cut_at "unpack"
eventually 900 "the upgrade" is_settled 99.0.2

note "in a roll-back"
use 99.0.1
cut_at "keep new pods away"
eventually 900 "the roll-back" is_settled 99.0.1

remove() { forget_log && system delete daemonset kata-deploy --cascade=foreground --wait=false >/dev/null; }
# A pod that was to end is not begun again: what it had not done is done by the next installation, and removed with it.
note "in a removal"
remove
cut_at "remove our handlers"
eventually 900 "the DaemonSet to be gone" is_gone
eventually 60 "the label to go" has_no_label
k run plain --image=kata.test/busybox:1 --restart=Never -- sleep 100 >/dev/null
k wait --for=condition=Ready pod/plain --timeout=120s >/dev/null || fail "no plain pod runs afterwards"
note "a next installation, which is removed undisturbed"
install_it
eventually 900 "the installation" is_settled 99.0.1
remove
eventually 900 "the DaemonSet to be gone" is_gone
eventually 60 "the label to go" has_no_label
expect "configuration" "$before" "$(configuration)"
expect "what is left in /opt/kata" "" "$(vm sh -c 'ls -A /opt/kata 2>/dev/null || true')"
passed
