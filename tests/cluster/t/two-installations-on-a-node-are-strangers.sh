#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
# variants: CONTAINERD=2 CONTAINERD=1
# place: own
#
# An installation and one with a suffix on the same node, installed and removed in each order, beside pods that run in
# the other's sandboxes: neither notices the other, by its label, condition, RuntimeClasses, files or pods, and the
# last one leaves the node as it was.  With containerd 1, whose drop-ins replace, the second one finds it unsuitable.
. "$(dirname "$0")/../releases.sh"

suffix=blue
plain=kata-deploy
blue=kata-deploy-$suffix
shared='katacontainers\.io/kata-runtime'

# manifests_of DAEMONSET - what a user applies, with a configuration for a machine without KVM.
manifests_of() {
	local overlay=base
	[ "$1" = "$plain" ] || overlay=overlays/suffix
	k kustomize "$top/manifests/$overlay"
	cat <<-END
		---
		apiVersion: v1
		kind: ConfigMap
		metadata: {name: kata-deploy-custom-configs${1#"$plain"}, namespace: kata-system}
		data:
		  dropin-qemu.toml: |
		    [hypervisor.qemu]
		    allow_emulation = true
		    default_memory = 256
	END
}

tell() {
	local daemonset
	for daemonset in "$plain" "$blue"; do
		echo "$daemonset says:"
		system logs -l "app=$daemonset" --tail=30 2>/dev/null || true
		cat "$work/removal-$daemonset.log" 2>/dev/null || true
	done
	k describe node "$name" | sed -n '/^Labels/,/^Creation/p;/^Conditions/,/^Addresses/p' || true
}
cleanup tell

begin() { # DAEMONSET
	note "install $1"
	manifests_of "$1" >"$work/$1.yaml"
	k apply -f "$work/$1.yaml" >/dev/null
	system rollout status "daemonset/$1" --timeout=300s >/dev/null || fail "$1 is not ready"
}

# A deleted namespace would end both.
end() { # DAEMONSET
	note "remove $1"
	system logs -l "app=$1" -f --tail=40 >"$work/removal-$1.log" 2>&1 &
	system delete daemonset "$1" --cascade=foreground --timeout=200s >/dev/null
	wait $! || true
	! has_event KataRemoveFailed . || fail "$1 was refused"
}

no_pods_known() { # RUNTIME
	! on_node ctr -n k8s.io containers ls | grep -q "$1 *$"
}

# The kubelet collects what a pod left once a minute.
end_pod() { # NAME RUNTIME
	k delete pod "$1" >/dev/null
	eventually 120 "the rest of pod $1 to go" no_pods_known "io.containerd.$2.v2"
}

label_of() { k get node "$name" -o "jsonpath={.metadata.labels.$1}"; }
condition() { k get node "$name" -o "jsonpath={.status.conditions[?(@.type==\"$1\")].status}"; }

# watch_labels - each value of the labels that is seen from now on, to a file; stop_watching ends it.
watch_labels() {
	"$cluster" kubectl get node "$name" -w -o "jsonpath={.metadata.labels.$shared} {.metadata.labels.kata-deploy\.katacontainers\.io/$1}{\"\\n\"}" \
		>"$work/labels" 2>/dev/null &
	watcher=$!
}
stop_watching() {
	kill "$watcher" 2>/dev/null || true
	wait "$watcher" 2>/dev/null || true
}

# is_untouched INSTANCE DAEMONSET CLASS... - all of an installation is as it was.
is_untouched() {
	local instance=$1 daemonset=$2 class condition=KataReady
	shift 2
	[ "$daemonset" = "$plain" ] || condition=KataReady-$suffix
	expect "shared label beside $daemonset" true "$(label_of "$shared")"
	expect "label of $daemonset" true "$(label_of "kata-deploy\.katacontainers\.io/$instance")"
	expect "condition $condition" True "$(condition "$condition")"
	for class; do
		k get runtimeclass "$class" >/dev/null || fail "RuntimeClass $class has gone"
	done
}

# beside DAEMONSET INSTANCE COMMAND... - the labels of DAEMONSET are never anything but true meanwhile.
beside() {
	local instance=$1
	shift
	watch_labels "$instance"
	"$@"
	stop_watching
	expect "labels of $instance, all that were seen" "true true" "$(sort -u "$work/labels" | tr '\n' ';' | sed 's/;$//')"
}

first_then_second() { # FIRST INSTANCE CLASS HANDLER, then those of the second
	begin "$1"
	begin_pod "of-$2" "$3"
	beside "$2" begin "$5"
	is_untouched "$2" "$1" "$3"
	k exec "of-$2" -- true || fail "the pod of $1 does not answer after the other's installation"
	begin_pod "of-$6" "$7"
	k exec "of-$6" -- true || fail "the pod of $5 does not answer"
}

"$cluster" load "$name" "$dist/kata-deploy-image.tar" >/dev/null
k apply -f "$top/manifests/base/namespace.yaml" >/dev/null
ours=("$plain" default kata-qemu kata-qemu)
theirs=("$blue" "$suffix" "kata-qemu-$suffix" "kata-qemu-$suffix")

if [ "${CONTAINERD:-2}" = 1 ]; then
	begin "$plain"
	beside default begin "$blue"
	eventually 30 "the refusal to be told" has_event KataNotSuitable 'takes one installation only'
	expect "label of $blue" unsuitable "$(label_of "kata-deploy\.katacontainers\.io/$suffix")"
	expect "condition of $blue" False "$(condition "KataReady-$suffix")"
	beside default end "$blue"
	is_untouched default "$plain" kata kata-qemu
	end "$plain"
	expect_restored
	note "done"
	exit
fi
first_then_second "${ours[@]}" "${theirs[@]}"
end_pod of-default kata-qemu
beside "$suffix" end "$plain"
is_untouched "$suffix" "$blue" "kata-qemu-$suffix"
expect "conditions of the one that left" "" "$(condition KataReady)$(condition KataUpgraded)"
expect "classes that are left" "runtimeclass.node.k8s.io/kata-qemu-$suffix" "$(k get runtimeclass -o name)"
expect "what is left in /opt/kata" "" "$(ls -A "$root/opt/kata")"
k exec "of-$suffix" -- true || fail "the pod of $blue does not answer after the other's removal"

note "the one that left comes again, and the other leaves first"
beside "$suffix" begin "$plain"
begin_pod of-default kata
end_pod "of-$suffix" "kata-qemu-$suffix"
beside default end "$blue"
is_untouched default "$plain" kata kata-qemu
expect "what is left in /opt/kata-$suffix" "" "$(ls -A "$root/opt/kata-$suffix")"
k exec of-default -- true || fail "the pod of $plain does not answer after the other's removal"
end_pod of-default kata-qemu
end "$plain"
expect_restored
expect "labels that are left" " " "$(label_of "$shared") $(label_of "kata-deploy\.katacontainers\.io/$suffix")"
expect "classes that are left" "" "$(k get runtimeclass -o name)"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
