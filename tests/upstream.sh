#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# upstream.sh - an installation as upstream's kata-deploy 4.1 leaves it, for tests that take it over.  Sourced.
#
# Its tree is upstream's; its two shims are our own, changed so that they leave what lib/foreign.c tells upstream's
# sandboxes by, and nothing of ours: to the installer and the shim under test they are strangers, and their sandboxes
# are real ones.  UPSTREAM=real takes the tree of a release of upstream's, its folder opt/kata, from KATA_TEST_UPSTREAM;
# its VMs need a KVM.  Sourced before everything, since that may be a reason to skip.
# shellcheck disable=SC2154 # version_dir comes from who sources this
[ "${UPSTREAM:-}" != real ] || [ -d "${KATA_TEST_UPSTREAM:-}" ] || {
	echo "SKIPPED: KATA_TEST_UPSTREAM names no folder opt/kata of an upstream release"
	exit 77
}
upstream_shims="qemu qemu-runtime-rs"

# upstream_handler SHIM - "PROGRAM CONFIGURATION" of it, below the root.
upstream_handler() {
	local defaults=share/defaults/kata-containers
	case $1 in
	*-runtime-rs) echo "runtime-rs/bin/containerd-shim-kata-v2 $defaults/runtime-rs/runtimes/$1/configuration-$1.toml" ;;
	*) echo "bin/containerd-shim-kata-v2 $defaults/runtimes/$1/configuration-$1.toml" ;;
	esac
}

# changed_shim FROM TO FILE - ours with one text in place of another of that length.
changed_shim() {
	[ "${#1}" = "${#2}" ] || fail "'$1' and '$2' are not of one length"
	LC_ALL=C sed "s#$1#$2#g" "$upstream_of/bin/containerd-shim-kata-v2" >"$3"
	LC_ALL=C grep -qF "$2" "$3" || fail "no '$1' in the shim"
	chmod 755 "$3"
}

# put_upstream ROOT RELEASE - into ROOT, with programs of RELEASE.
put_upstream() {
	local root=$1 upstream_of=$2 shim program config folder
	if [ "${UPSTREAM:-}" = real ]; then
		cp -a "$KATA_TEST_UPSTREAM/." "$root/"
	else
		mkdir -p "$root"/{bin,libexec,runtime-rs/bin,share}
		cp -a "$upstream_of/bin/qemu-system-x86_64" "$root/bin/"
		cp -a "$upstream_of/libexec/." "$root/libexec/"
		cp -a "$upstream_of"/share/{kata-containers,kata-qemu} "$root/share/"
		ln -s vmlinux.container "$root/share/kata-containers/vmlinuz.container"
		put_stand_ins "$root"
	fi
	for shim in $upstream_shims; do
		read -r program config <<<"$(upstream_handler "$shim")"
		folder=$root/$(dirname "$config")
		mkdir -p "$folder/config.d"
		put_configuration "$root" "$shim" "$root/$config"
		ln -sfn "runtimes/$shim/configuration-$shim.toml" "$folder/../../configuration-$shim.toml"
		printf '[hypervisor.qemu]\nallow_emulation = true\ndefault_memory = 256\n' >"$folder/config.d/10-test.toml"
	done
	ln -sfn configuration-qemu.toml "$root/share/defaults/kata-containers/configuration.toml"
	echo "externals: {}" >"$root/versions.yaml"
}

put_configuration() { # ROOT SHIM FILE
	local found
	found=$(find "$1/share/defaults" -name "configuration-$2.toml" -type f ! -path '*/runtimes/*' | head -n 1)
	[ -n "$found" ] || found=$upstream_of/share/defaults/kata-containers/configuration-qemu.toml
	{
		echo "# Managed by kata-deploy."
		cat "$found"
	} >"$3"
}

# Both are found by the path that is noted for their sandboxes, and run from the folder with all their parts.
put_stand_ins() { # ROOT
	local root=$1
	changed_shim state.json go_s.state "$root/bin/shim-go"
	changed_shim /run/vc/sbs /run///kata "$root/bin/shim-rust"
	cat >"$root/bin/containerd-shim-kata-v2" <<-'END'
		#!/bin/sh
		program=$(dirname "$(readlink -f "$0")")/shim-go
		for word; do
			[ "$last" != -id ] || id=$word
			last=$word
		done
		echo "go $*" >>/run/upstream.log
		[ "$last" = start ] || exec "$program" "$@"
		"$program" "$@" || exit
		[ ! -d "/run/vc/sbs/$id" ] || echo '{}' >"/run/vc/sbs/$id/persist.json"
	END
	cat >"$root/runtime-rs/bin/containerd-shim-kata-v2" <<-'END'
		#!/bin/sh
		echo "rust $*" >>/run/upstream.log
		exec "$(dirname "$(readlink -f "$0")")/../../bin/shim-rust" "$@"
	END
	chmod 755 "$root/bin/containerd-shim-kata-v2" "$root/runtime-rs/bin/containerd-shim-kata-v2"
}

# upstream_handlers RUNTIMES - their tables, RUNTIMES is the table they are in.
upstream_handlers() {
	local shim program config
	for shim in $upstream_shims; do
		read -r program config <<<"$(upstream_handler "$shim")"
		cat <<-END

			[$1.kata-$shim]
			runtime_type = "io.containerd.kata-$shim.v2"
			runtime_path = "/opt/kata/$program"
			privileged_without_host_devices = true
			pod_annotations = ["io.katacontainers.*"]
			container_annotations = ["io.kubernetes.container.terminationMessage*"]

			[$1.kata-$shim.options]
			ConfigPath = "/opt/kata/$config"
		END
	done
}

# picture ROOT - every entry of a tree, what it is and when it was made, but for the root itself.
picture() {
	(cd "$1" && find . -mindepth 1 -printf '%p %y %m %U:%G %T@ %l\n' | sort &&
		find . -type f -exec sha256sum {} + | sort -k 2)
}

# asked_to_clean KIND SANDBOX LOG... - that the stand-in was run to clean up after it; LOG prints its log.
asked_to_clean() {
	local kind=$1 sandbox=$2
	shift 2
	[ "${UPSTREAM:-}" = real ] || "$@" | grep -q -- "^$kind .*-id $sandbox .*delete"
}
