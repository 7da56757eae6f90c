#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# variants: CONTAINERD=1 CONTAINERD=2
# place: own
#
# The life of an installation on a node of its own: installed, installed again for nothing, a version
# that does not boot taken back without a restart, an upgrade beside a running pod, an upgrade killed
# at many points, and removals: beside a running pod, right after a pod, of everything at once.
. "$(dirname "$0")/../installing.sh"

# release VERSION FOLDER - pack FOLDER as a release and put it into an image with the tag VERSION.
release() {
	local version=$1 folder=$2 out=$work/$1
	mkdir -p "$out/opt"
	cp -a "$folder" "$out/opt/kata"
	(
		cd "$out/opt/kata"
		{
			printf 'kata-manifest 1\nversion %s\narch %s\n' "$version" "$(uname -m)"
			find . \( -type f -o -type l \) ! -path ./MANIFEST -printf '%P\n' | sort | while read -r path; do
				if [ -L "$path" ]; then
					echo "link $(readlink "$path") $path"
				else
					echo "file $(stat -c '%a %s' "$path") $(sha256sum <"$path" | cut -d' ' -f1) $path"
				fi
			done
		} >"$out/manifest"
		echo "digest $(sha256sum <"$out/manifest" | cut -d' ' -f1)" >>"$out/manifest"
		cp "$out/manifest" MANIFEST
	)
	mkdir -p "$out/image/usr/bin" "$out/image/opt/kata-artifacts"
	{
		echo opt/kata/MANIFEST
		(cd "$out" && find opt/kata \( -type f -o -type l \) ! -path opt/kata/MANIFEST | sort)
	} >"$out/members"
	tar -C "$out" --no-recursion -T "$out/members" --owner=0 --group=0 --format=ustar -cf - |
		zstd -q -1 -o "$out/image/opt/kata-artifacts/kata-static.tar.zst"
	cp "$work/kata-deploy" "$out/image/usr/bin/kata-deploy"
	"$top/packaging/image/oci.sh" "$image:$version" "$out/image" \
		'{"Entrypoint":["/usr/bin/kata-deploy"],"Cmd":["install"]}' "$out/image.tar"
	"$cluster" load "$name" "$out/image.tar"
	rm -rf "$out/opt" "$out/image"
}

# The program of the image under test.
extract_program() {
	local layer
	mkdir "$work/layers"
	tar -C "$work/layers" -xf "$dist/kata-deploy-image.tar"
	for layer in "$work"/layers/blobs/sha256/*; do
		tar -C "$work/layers" -xf "$layer" ./usr/bin/kata-deploy 2>/dev/null || true
	done
	cp "$work/layers/usr/bin/kata-deploy" "$work/kata-deploy"
	rm -rf "$work/layers"
}

pod_of() { system get pods -l app=kata-deploy -o 'jsonpath={.items[0].metadata.name}'; }
versions() { find "$root/opt/kata/versions" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '; }
use_version() { system set image daemonset/kata-deploy "kata-deploy=$image:$1" >/dev/null; }
runs_version() {
	[ "$(system get pods -l app=kata-deploy -o 'jsonpath={.items[*].spec.containers[0].image} {.items[*].status.phase}')" = "$image:$1 Running" ]
}
# An upgrade back to what an earlier kill left untouched is over at once.
works_or_is_done() {
	on_node pgrep -f 'exe --report=3 apply' || system logs -l app=kata-deploy | grep -q 'is installed'
}

rolled_out() {
	system rollout status daemonset/kata-deploy --timeout=240s >/dev/null || {
		says
		fail "the DaemonSet is not ready"
	}
}

node_is_ready() { on_node ctr version && k wait --for=condition=Ready "node/$name" --timeout=1s; }
no_sandboxes() {
	local left
	left=$(on_node ls -A /run/vc/sbs)
	echo "$left"
	[ -z "$left" ]
}

show() {
	on_node sh -c 'ps -ef | grep -E "[s]him-kata|[q]emu" | cut -c1-150; for f in /run/vc/sbs/*/state.json; do cut -c1-400 "$f"; echo; done' || true
	grep -E 'canary-' "$root/var/log/containerd.log" | tail -n 60 | cut -c1-300 || true
	echo "kata-deploy says:"
	says || true
}
cleanup show

configuration >"$work/configuration-before"
extract_program
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
cat >"$work/lasting.yaml" <<-END
	apiVersion: v1
	kind: Pod
	metadata: {name: lasting}
	spec:
	  runtimeClassName: kata
	  terminationGracePeriodSeconds: 1
	  containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
END
k create -f "$work/lasting.yaml" >/dev/null
k wait --for=condition=Ready pod/lasting --timeout=90s >/dev/null || {
	k describe pod lasting
	fail "no pod runs"
}
use_version 1.0.3
rolled_out
is_current 1.0.3 || fail "the current version is $(current)"
expect "pid of containerd" "$pid" "$(containerd_pid)"
k exec lasting -- true || fail "the pod does not answer after the upgrade"
expect_match "versions" '1\.0\.1-' "$(versions)"
k delete pod lasting >/dev/null

note "an upgrade that is killed converges"
number=3
for seconds in 0.02 0.1 0.3 0.6 1 1.5 2.5 4; do
	number=$((4 - number))
	use_version "1.0.$number"
	eventually 90 "the pod of version 1.0.$number" runs_version "1.0.$number"
	# The child that does the work; its parent starts it again.
	eventually 30 "the installer to work" works_or_is_done
	# The moments are the point: they spread over the steps.
	sleep "$seconds"
	on_node pkill -KILL -f 'exe --report' || true
done
note "and so does one that is cut off with the node's power"
use_version 1.0.3
eventually 90 "the pod of version 1.0.3" runs_version 1.0.3
"$cluster" reboot "$name"
eventually 90 "the node to be Ready again" node_is_ready
use_version 1.0.1
rolled_out
is_current 1.0.1 || fail "the current version is $(current)"
expect "label" true "$(label)"
expect "journal" "" "$(find "$root/opt/kata" -maxdepth 1 -name journal)"
eventually 30 "no half a version" sh -c "! ls -d '$root'/opt/kata/versions/.new-* 2>/dev/null"
note "the version nobody uses goes with the next run"
system delete pod "$(pod_of)" >/dev/null
rolled_out
expect "versions" 1 "$(versions | wc -w)"
eventually 60 "the canaries of killed installers to go" no_sandboxes

known() { on_node sh -c 'ctr -n k8s.io containers ls' | awk '$3 ~ /kata/' | grep -c .; }
begin_pod() {
	k create -f "$work/lasting.yaml" >/dev/null
	k wait --for=condition=Ready pod/lasting --timeout=90s >/dev/null || fail "no pod runs"
}
end_installation() { system delete daemonset kata-deploy --cascade=foreground --timeout=200s >/dev/null; }

note "removing beside a running pod leaves it what it needs and says who it is"
begin_pod
end_installation
has_event KataRemoveFailed "pod 'default/lasting'" || fail "there is no event KataRemoveFailed"
expect "label" "" "$(label)"
k exec lasting -- true || fail "the pod does not answer"
is_current 1.0.1 || fail "the current version is $(current)"
k apply -f "$work/all.yaml" >/dev/null
rolled_out

note "removing waits for what a deleted pod left in containerd, and restores the node"
k delete pod lasting >/dev/null
expect_match "containers the kubelet has not collected" '^[1-9]' "$(known || true)"
end_installation
expect "label" "" "$(label)"
expect "what is left in /opt/kata" "" "$(ls -A "$root/opt/kata")"
expect "what is left in /etc/kata-containers" "" "$(ls -A "$root/etc/kata-containers")"
configuration >"$work/configuration-after"
diff "$work/configuration-before" "$work/configuration-after" || fail "the configuration of containerd is not what it was"
expect "RuntimeClasses" "" "$(k get runtimeclass -o name)"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"
note "deleting all at once leaves nothing but the node's labels, and says so"
k apply -f "$work/all.yaml" >/dev/null
rolled_out
is_current 1.0.1 || fail "the current version is $(current)"
system logs -f -l app=kata-deploy >"$work/last-words" &
k delete -f "$work/all.yaml" --timeout=120s >/dev/null
expect_match "what the pod said" 'its labels stay' "$(cat "$work/last-words")"
expect "what is left in /opt/kata" "" "$(ls -A "$root/opt/kata")"
configuration >"$work/configuration-after"
diff "$work/configuration-before" "$work/configuration-after" || fail "the configuration of containerd is not what it was"
no_classes() { [ -z "$(k get runtimeclass -o name)" ]; }
eventually 30 "the RuntimeClasses to go with their namespace" no_classes
note "done"
