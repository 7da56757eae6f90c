#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# releases.sh - versions of kata-deploy to go between, and what ends an installation.  Sourced by tests
# of upgrades; what installing.sh says holds here, too.
# shellcheck source-path=SCRIPTDIR source=installing.sh
. "$(dirname "${BASH_SOURCE[0]}")/installing.sh"

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
rolled_out() {
	system rollout status daemonset/kata-deploy --timeout=240s >/dev/null || {
		says
		fail "the DaemonSet is not ready"
	}
}

# begin_pod - a pod `lasting` that runs in a VM.
begin_pod() {
	k create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: lasting}
		spec:
		  runtimeClassName: kata
		  terminationGracePeriodSeconds: 1
		  containers: [{name: c, image: "kata.test/busybox:1", command: [sleep, "100000"]}]
	END
	k wait --for=condition=Ready pod/lasting --timeout=90s >/dev/null || {
		k describe pod lasting
		fail "no pod runs"
	}
}

# What the installer says while it removes goes with its pod, unless somebody listens.
end_installation() {
	system logs -l app=kata-deploy -f --tail=40 >"$work/removal.log" 2>&1 &
	system delete daemonset kata-deploy --cascade=foreground --timeout=200s >/dev/null
	wait $! || true
}

expect_restored() {
	expect "what is left in /opt/kata" "" "$(ls -A "$root/opt/kata")"
	expect "what is left in /etc/kata-containers" "" "$(ls -A "$root/etc/kata-containers")"
	configuration >"$work/configuration-after"
	diff "$work/configuration-before" "$work/configuration-after" ||
		fail "the configuration of containerd is not what it was"
}

show() {
	on_node sh -c 'ps -ef | grep -E "[s]him-kata|[q]emu" | cut -c1-150; for f in /run/vc/sbs/*/state.json; do cut -c1-400 "$f"; echo; done' || true
	grep -E 'canary-' "$root/var/log/containerd.log" | tail -n 60 | cut -c1-300 || true
	echo "kata-deploy says:"
	says || true
	cat "$work/removal.log" 2>/dev/null || true
}
cleanup show

configuration >"$work/configuration-before"
extract_program
