#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - the steps that build: assets, the test cluster's programs, our programs, the release.  Sourced by dev.
# shellcheck disable=SC2154 # top and cache come from dev
# shellcheck disable=SC2034 # the lists are for dev

retry="read the log; what was finished is kept, so './dev' goes on from here"
network="read the log; the download needs the package registry, so check the network or proxy settings and run again"

setup_steps=(
	"installing missing Debian packages | install_packages | check /etc/apt/sources.list and the network, or install by hand the packages in packaging/packages"
)
guest_steps=(
	"libraries for static programs | artefact sysroot | $retry"
	"guest kernel | artefact kernel | $retry"
	"QEMU | artefact qemu | $retry"
	"iptables for the guest | artefact iptables | $retry"
	"virtiofsd | artefact virtiofsd | $network"
	"vhost-device-vsock | artefact vhost-device-vsock | $network"
)
cluster_steps=(
	"containerd 2 | artefact containerd | $network"
	"Kubernetes | artefact hyperkube | $network"
	"container images for the tests | artefact test-images | $retry"
	"the next Debian with its Docker | artefact test-docker | $network"
)
machine_steps=(
	"QEMU for a machine in which VMs run | artefact test-qemu | $retry"
	"a machine for the tests | artefact node-vm | $network"
)
# What only the last tier of tests needs.
full_steps=(
	"container images of other layouts | artefact test-layouts | $network"
	"a container image with servers | artefact test-servers | $network"
	"the next Debian with its compiler | artefact test-gcc | $network"
	"json-c and protobuf-c for the fuzzer | artefact fuzz-libraries | $network"
	"helm | artefact helm | $network"
	"the first round's programs | artefact first-round | $retry"
	"containerd 1.7 | artefact containerd-1.7 | $network"
	"containerd 2.0 | artefact containerd-2.0 | $network"
	"containerd 2.2 | artefact containerd-2.2 | $network"
)
dev_steps=(
	"our programs and tests with sanitizers | build_dev | $retry"
)
static_steps=(
	"our programs, static | build_release | $retry"
)
pack_steps=(
	"release archive | pack_release | $retry"
	"kata-deploy image | pack_image | $retry"
)
deb_steps=("Debian packages | pack_packages deb | $retry")
rpm_steps=("RPM packages | pack_packages rpm | $retry")
release_steps=("${static_steps[@]}" "${pack_steps[@]}")
# The archive keeps one processor, so it is packed beside the build of the tests.
release_and_dev_steps=("${static_steps[@]}" "& | pack_release |" "${dev_steps[@]}" "${pack_steps[@]}")

artefact() { "$top/packaging/artefact" "$1"; }

# built_ahead STEP... - a row that builds the artefacts of these steps beside them, from the last on,
# until both meet.  Every build has parts that keep one processor only: configure, unpack, link.
built_ahead() {
	local row function names=
	for row; do
		IFS='|' read -r _ function _ <<<"$row"
		function=$(trim "$function")
		[[ $function != artefact\ * ]] || names="${function#artefact } $names"
	done
	echo "& | build_ahead $names |"
}

build_ahead() { # ARTEFACT...
	local name
	for name; do
		artefact "$name" || true
	done
}

set_up_and_run() { # STEP...
	run_steps "${setup_steps[@]}" "$(built_ahead "$@")" "$@"
}

configure_and_build() { # PRESET CMAKE-ARGUMENTS...
	local preset=$1
	shift
	cd "$top" || return
	remember_objects "$top"
	cmake --preset "$preset" "$@"
	nice -n 5 cmake --build --preset "$preset"
}

build_dev() { configure_and_build dev; }

# CMake keeps what a toolchain file said when a folder was first configured, so another one starts afresh.
build_release() {
	local sysroot toolchain marker=$top/build/release/.toolchain fresh=()
	sysroot=$(artefact sysroot)
	toolchain="$sysroot $(sha256sum <"$top/packaging/sysroot/musl.cmake")"
	[ "$(cat "$marker" 2>/dev/null)" = "$toolchain" ] || fresh=(--fresh)
	configure_and_build release "${fresh[@]}" "-DKATA_SYSROOT=$sysroot"
	echo "$toolchain" >"$marker"
}

pack_release() { "$top/packaging/release/build.sh" "$top/build/release" "$top/build/dist"; }

pack_packages() { "$top/packaging/$1/build.sh" "$top/build/dist" "$top/build/dist/$1"; } # KIND

# What to do with the image: manifests/ and the chart name it so that no registry has to answer.
show_image() {
	local archive=build/dist/kata-deploy-image.tar version digest registry=registry.example.org/kata-deploy
	version=$(cat "$top/VERSION")
	digest=$(tar -xOf "$top/$archive" index.json | grep -oE 'sha256:[0-9a-f]{64}' | head -n 1)
	cat <<-END

		$archive is localhost/kata-deploy:$version, $digest.
		It can go straight to the nodes, without a registry (copy the file to each; this is the way of an air gap, too):
		  containerd     ctr -n k8s.io images import kata-deploy-image.tar
		  k3s, rke2      cp kata-deploy-image.tar /var/lib/rancher/k3s/agent/images/     (rke2: .../rke2/agent/images/)
		  kind           kind load image-archive kata-deploy-image.tar
		or to a registry, from here:
		  skopeo         skopeo copy oci-archive:$archive docker://$registry:$version
		  crane          mkdir layout && tar -xf $archive -C layout && crane push layout $registry:$version
		  containerd     ctr images import $archive
		                 ctr images tag localhost/kata-deploy:$version $registry:$version && ctr images push $registry:$version
		which is then named in one place, with a tag or with the digest above:
		  kubectl        newName, newTag or digest in manifests/base/installer/kustomization.yaml
		  helm           --set image.reference=$registry [--set image.digest=$digest]
	END
}

pack_image() { "$top/packaging/image/build.sh" "$top/build/release" "$top/build/dist"; }
