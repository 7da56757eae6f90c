#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# tier: full
# variants: CONTAINERD=2 CONTAINERD=1 UPSTREAM=real
# place: own
#
# A node on which upstream's kata-deploy installed Kata, and pods of both its shims run.  Without the wish it is refused by
# name and nothing is touched; with it, it is taken over under the same handler names, also where that is killed in the
# middle: the pods go on, answer and can be deleted, also where the shim that made them has died; there is an upgrade of
# ours; at last all is as it was, byte for byte, and a pod from before still answers.
. "$(dirname "$0")/../../upstream.sh"
. "$(dirname "$0")/../releases.sh"

adopt=kata-deploy.katacontainers.io/adopt
shared='katacontainers\.io/kata-runtime'
instance='kata-deploy\.katacontainers\.io/default'
release 1.0.1 "$dist/kata"
release 1.0.2 "$dist/kata"

# ---- upstream's installation ----

class() { # NAME SHIM
	k create -f - >/dev/null <<-END
		apiVersion: node.k8s.io/v1
		kind: RuntimeClass
		metadata:
		  name: $1
		  labels: {app.kubernetes.io/managed-by: kata-deploy, kata-deploy/instance: default}
		  annotations: {katacontainers.io/kata-version: 4.1.0}
		handler: kata-$2
		overhead: {podFixed: {memory: 320Mi, cpu: 250m}}
		scheduling: {nodeSelector: {katacontainers.io/kata-runtime: "true", kata-deploy.katacontainers.io/default: "true"}}
	END
}

install_upstream() {
	local etc=$root/etc/containerd
	put_upstream "$root/opt/kata" "$dist/kata"
	if [ "${CONTAINERD:-2}" = 1 ]; then
		cp "$etc/config.toml" "$etc/config.toml.bak"
		upstream_handlers 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes' >>"$etc/config.toml"
		# The CRI service of 1.6 knows no runtime_path.
		on_node ln -s /opt/kata/bin/containerd-shim-kata-v2 /usr/local/bin/containerd-shim-kata-qemu-v2
		on_node ln -s /opt/kata/runtime-rs/bin/containerd-shim-kata-v2 /usr/local/bin/containerd-shim-kata-qemu-runtime-rs-v2
	else
		{
			echo "version = 3"
			upstream_handlers 'plugins."io.containerd.cri.v1.runtime".containerd.runtimes'
		} >"$etc/conf.d/kata-deploy.toml"
	fi
	on_node systemctl restart containerd
	k label node "$name" katacontainers.io/kata-runtime=true kata-deploy.katacontainers.io/default=true >/dev/null
	class kata-qemu qemu
	class kata-qemu-runtime-rs qemu-runtime-rs
	class kata qemu-runtime-rs
}

answers() { # POD... - each in a VM of its own.
	local pod
	for pod; do
		expect "what pod $pod answers" "$pod" "$(k exec "$pod" -- hostname)"
	done
}

sandbox_of() { on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.name\"==$1,labels.\"io.cri-containerd.kind\"==sandbox"; }
record_of() { # POD: where its shim keeps it
	local id
	id=$(sandbox_of "$1")
	on_node sh -c "ls -d /run/vc/sbs/$id/persist.json /run/vc/sbs/$id/state.json /run/kata/$id/state.json 2>/dev/null" |
		sed "s#/$id/# #" || true
}
# Shim, VMM and daemons carry the sandbox's id, as do its records.
traces_of() { # SANDBOX
	on_node sh -c "ps -eo args | grep -F $1 | grep -E 'shim|qemu|virtiofsd' | grep -v grep; ls -d /run/vc/sbs/$1 /run/kata/$1 2>/dev/null; true"
}
no_traces() { [ -z "$(traces_of "$1")" ]; }
# Where its shim died the kubelet may have made it another sandbox by now.
end_pod() { # NAME
	local id ids
	ids=$(sandbox_of "$1")
	[ -n "$ids" ] || fail "containerd does not know pod $1"
	k delete pod "$1" --timeout=60s >/dev/null || fail "pod $1 cannot be deleted"
	for id in $ids; do
		eventually 60 "the traces of pod $1 to go" no_traces "$id"
	done
}

bare() { k get runtimeclass "$1" -o yaml | grep -vE '^  (uid|resourceVersion|creationTimestamp|generation):'; }
bare_all() {
	local class
	for class in kata kata-qemu kata-qemu-runtime-rs; do bare $class; done
}
label_of() { k get node "$name" -o "jsonpath={.metadata.labels.$1}"; }
labels() { echo "$(label_of "$shared") $(label_of "$instance")"; }
adopting() { # VERSION - what a user applies to take it over, for a machine without KVM.
	k kustomize "$top/manifests/overlays/adopt" | sed "s#image: $image:.*#image: $image:$1#"
	echo ---
	cat "$top/manifests/overlays/emulation/custom-configs.yaml"
}
try_again() { system delete pod -l app=kata-deploy >/dev/null; }
untouched() {
	expect "labels" "true true" "$(labels)"
	picture "$root/opt/kata" | diff "$work/tree" - || fail "the tree of upstream's is another one"
	configuration | diff "$work/configuration-upstream" - || fail "the configuration of containerd is another one"
	bare_all | diff "$work/classes" - || fail "the RuntimeClasses are others"
}

tell() {
	on_node sh -c 'tail -n 20 /run/upstream.log; ls -la /opt/kata /run/kata /run/vc/sbs' || true
}
cleanup tell

install_upstream
begin_pod first kata-qemu
begin_pod second kata-qemu
begin_pod third kata-qemu-runtime-rs
answers first second third
expect "the record of a pod of the Go shim" "/run/vc/sbs persist.json" "$(record_of first)"
expect "the record of a pod of the Rust shim" "/run/kata state.json" "$(record_of third)"
picture "$root/opt/kata" >"$work/tree"
configuration >"$work/configuration-upstream"
bare kata-qemu-runtime-rs >"$work/rust"
pid=$(containerd_pid)

note "without the wish it is refused by name, and nothing is touched"
manifests 1.0.1 >"$work/plain.yaml"
k annotate runtimeclass kata-qemu $adopt=true >/dev/null
k annotate runtimeclass kata $adopt=replace >/dev/null
bare_all >"$work/classes"
k apply -f "$work/plain.yaml" >/dev/null
eventually 90 "the refusal" has_event KataInstallFailed "another installation of Kata"
expect "pid of containerd" "$pid" "$(containerd_pid)"
untouched
end_installation
untouched
answers first third

note "with it, a class that its owner did not give refuses it still"
k annotate runtimeclass kata-qemu $adopt- >/dev/null
adopting 1.0.1 >"$work/all.yaml"
k apply -f "$work/all.yaml" >/dev/null
eventually 90 "the refusal" has_event KataInstallFailed "'kata-qemu' is somebody else's .kata-deploy, installation 'default'"
k annotate runtimeclass kata-qemu $adopt=true >/dev/null
untouched

note "a kill in the middle is taken back, and nobody notices"
try_again
deadline=$((SECONDS + 90))
until [ -L "$root/opt/kata/adopted" ]; do
	((SECONDS < deadline)) || fail "nothing is moved aside"
done
on_node pkill -KILL -f 'exe --report' || fail "no installer was met at work"
[ -e "$root/opt/kata/journal" ] || fail "the kill came too late"
answers first third

note "take it over"
rolled_out
expect "labels" "true true" "$(labels)"
is_current 1.0.1 || fail "the current version is $(current)"
[ "$pid" != "$(containerd_pid)" ] || fail "containerd was not restarted"
pid=$(containerd_pid)
expect "where upstream's is" "versions/upstream-foreign" "$(on_node readlink /opt/kata/adopted)"
for class in kata kata-qemu; do
	expect "handler of RuntimeClass $class" kata-qemu "$(k get runtimeclass $class -o 'jsonpath={.handler}')"
done
bare kata-qemu-runtime-rs | diff "$work/rust" - || fail "a class that was not asked for is changed"
answers first second third
k create -f - >/dev/null <<-END
	apiVersion: v1
	kind: Pod
	metadata: {name: lasting}
	spec:
	  runtimeClassName: kata-qemu
	  terminationGracePeriodSeconds: 1
	  containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
END
k wait --for=condition=Ready pod/lasting --timeout=120s >/dev/null || fail "no new pod runs"
expect "the record of a new pod" "/run/vc/sbs state.json" "$(record_of lasting)"

# is_foreign - the names of pods that are stale because a shim of upstream's made them.
is_foreign() {
	[ "$(k get --raw "/api/v1/namespaces/kata-system/pods/$(pod_of):8090/proxy/stale" |
		jq -r '[.sandboxes[] | select(any(.causes[]; .cause == "foreign")) | "\(.namespace)/\(.name)"] | sort | join(" ")')" = "$1" ]
}
eventually 30 "upstream's sandboxes to be stale" is_foreign "default/first default/second default/third"

note "pods of upstream's can be deleted, also where their shim has died"
id=$(sandbox_of first)
on_node pkill -KILL -f "[s]him.* -id[= ]$id"
end_pod first
asked_to_clean go "$id" on_node cat /run/upstream.log || fail "the shim that made it was not asked to clean up after '$id'"
end_pod third
eventually 30 "what has ended to be stale no more" is_foreign default/second

note "once more, for nothing"
try_again
rolled_out
expect_match "what the second run did" 'nothing to do' "$(system logs "$(pod_of)")"
expect "pid of containerd" "$pid" "$(containerd_pid)"

note "an upgrade beside pods of both"
use_version 1.0.2
rolled_out
is_current 1.0.2 || fail "the current version is $(current)"
expect_match "versions" '1\.0\.1-.* 1\.0\.2-.* upstream-foreign ' "$(versions)"
answers second lasting

note "hand it back; a pod of upstream's is none to wait for"
k delete pod lasting >/dev/null
end_installation
! has_event KataRemoveFailed . || fail "the removal was refused"
untouched
answers second
begin_pod fourth kata-qemu
expect "the record of a new pod" "/run/vc/sbs persist.json" "$(record_of fourth)"
answers second fourth
end_pod second
end_pod fourth
expect "what is left in /etc/kata-containers" "" "$(ls -A "$root/etc/kata-containers")"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "done"
