#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# variants: CONTAINERD=2
# place: own
#
# A node of the first round is upgraded by what a user does, an apply of today's manifests: its pods run on, the version
# they use stays, and they end with nothing left, also where their shim is killed; new ones have today's version.  A
# removal leaves the node as it was before the first round came.
#
# The first round's programs, initrd, configuration and manifests are its own (artefact first-round); QEMU, its daemons
# and the kernel are those under test.
git -C "$(dirname "$0")" cat-file -e '2956458^{commit}' 2>/dev/null || {
	echo "SKIPPED: this clone lacks the first round's commit"
	exit 77
}
. "$(dirname "$0")/../releases.sh"

first=$("$top/packaging/artefact" first-round) version=$(cat "$top/VERSION") first_version=4.1.0
for part in bin/qemu-system-x86_64 libexec/virtiofsd libexec/vhost-device-vsock share/kata-containers/vmlinux.container share/kata-qemu; do
	mkdir -p "$work/first/kata/${part%/*}"
	cp -a "$dist/kata/$part" "$work/first/kata/$part"
done
cp -a "$first/kata/." "$work/first/kata/"
release $first_version "$work/first/kata" "$first/kata-deploy"
rm -rf "$work/first"
"$cluster" load "$name" "$dist/kata-deploy-image.tar"

# Of the sandbox of POD, as long as it runs.
id_of() { on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.name\"==$1,labels.\"io.cri-containerd.kind\"==sandbox"; }
processes_of() { on_node ps -eo pid,args | grep -F "$1" | grep -v grep; }
vm_of() { on_node sh -c 'for p in $(pidof qemu-system-x86_64); do echo "$(readlink /proc/$p/exe) $(tr "\0" " " </proc/$p/cmdline)"; done' | grep -F "$1" | cut -d' ' -f1; }
is_dead() { ! processes_of "$1" && [ -z "$(on_node find /run/vc /run/kata-containers -name "*$1*" 2>/dev/null)" ]; } # ID
# A mount of the engine's own goes with the pod.
is_gone() { is_dead "$1" && ! on_node grep -F "$1" /proc/mounts; } # ID

note "the first round"
k kustomize "$first/manifests/overlays/emulation" | sed "s#image: .*/kata-deploy:.*#image: $image:$first_version#" >"$work/first.yaml"
k apply -f "$work/first.yaml" >/dev/null
rolled_out
expect "label" true "$(label)"
is_current $first_version || fail "the current version is $(current)"
begin_pod lasting
begin_pod killed
lasting=$(id_of lasting) killed=$(id_of killed)
note "VM: $(vm_of "$lasting")"
expect_match "its VM" "/versions/$first_version-" "$(vm_of "$lasting")"

note "an upgrade"
pid=$(containerd_pid)
k kustomize "$top/manifests/overlays/emulation" | k apply -f - >/dev/null
rolled_out
is_current "$version" || fail "the current version is $(current)"
expect "label" true "$(label)"
has_event KataInstalled "$version" || fail "there is no event KataInstalled"
says >"$work/upgrade"
[ "$(containerd_pid)" = "$pid" ] || note "containerd was restarted"
[ "$(grep -c 'restarting containerd' "$work/upgrade")" -le 1 ] || fail "containerd was restarted more than once"
pods exec lasting -- true || fail "the pod does not answer after the upgrade"
pods exec killed -- true || fail "the other pod does not answer after the upgrade"
expect_match "versions" "$first_version-" "$(versions)"
expect_match "its VM" "/versions/$first_version-" "$(vm_of "$lasting")"

note "they are stale, and a new one has today's version"
is_stale() { kata stale --no-headers -n default | grep lasting; }
eventually 60 "the pod to be called stale" is_stale
note "$(is_stale)"
begin_pod new
expect_match "the VM of a new pod" "/versions/$version-" "$(vm_of "$(id_of new)")"

note "containerd is started anew"
on_node systemctl restart containerd
eventually 60 "the pod to answer" pods exec lasting -- true

note "a shim of the first round is killed"
shim=$(processes_of "$killed" | awk '/containerd-shim-kata-v2/ && !pid { pid = $1 } END { print pid }')
on_node kill -KILL "$shim"
eventually 60 "everything of its sandbox to end" is_dead "$killed"
pods delete pod killed --timeout=60s >/dev/null
eventually 60 "everything of its sandbox to go" is_gone "$killed"

note "the pod ends, and a removal restores the node"
pods delete pod lasting --timeout=60s >/dev/null
eventually 60 "everything of its sandbox to go" is_gone "$lasting"
pods delete pod new --timeout=60s >/dev/null
end_installation
expect "label" "" "$(label)"
expect_restored
expect "RuntimeClasses" "" "$(k get runtimeclass -o name)"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
