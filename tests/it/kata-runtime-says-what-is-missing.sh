#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kata-runtime on a version directory of our own: what is missing is named, what is there is shown,
# and bad configuration is refused with file and line.
. "$(dirname "$0")/../lib.sh"

require jq setpriv
[ -x "$KATA_BUILD_DIR/bin/kata-runtime" ] || skip "no $KATA_BUILD_DIR/bin/kata-runtime; build it first"
version=$work/version
defaults=$version/share/defaults/kata-containers
run=$version/bin/kata-runtime
chmod 0755 "$work"
mkdir -p "$version/bin" "$defaults/config.d"
cp "$KATA_BUILD_DIR/bin/kata-runtime" "$run"
cp "$top/runtime/config/configuration-qemu.toml" "$defaults/configuration.toml"

note "check"
expect_status 1 "$run" check >"$work/out" 2>&1
expect_match "check" "missing  files: .*\[hypervisor.qemu\] path: cannot find '$version/bin/qemu" "$(cat "$work/out")"
expect_match "check" "System is not capable of running Kata Containers" "$(cat "$work/out")"

expect_match "check" "configuration $defaults/configuration.toml, found by the search" "$(cat "$work/out")"

note "check of what the node's handlers use"
if [ "$(id -u)" = 0 ]; then
	cp "$defaults/configuration.toml" "$defaults/other.toml"
	cat >"$work/containerd.toml" <<-END
		version = 2
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-one]
		runtime_type = "$version/bin/containerd-shim-kata-v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-one.options]
		ConfigPath = "$defaults/other.toml"
	END
	status=0
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -euc '
		mount -t tmpfs etc /etc
		mkdir /etc/containerd
		cp "$1" /etc/containerd/config.toml
		exec "$2" check' sh "$work/containerd.toml" "$run" >"$work/out" 2>&1 || status=$?
	expect "status" 1 $status
	expect_match "handlers" \
		"configuration $defaults/other.toml, used by kata-one \(/etc/containerd/config.toml\)" "$(cat "$work/out")"
	rm "$defaults/other.toml"
fi

note "env"
"$run" env --json >"$work/env.json"
expect "format" 1.0.27 "$(jq -r .Meta.Version "$work/env.json")"
expect "kernel" "$version/share/kata-containers/vmlinux.container" "$(jq -r .Kernel.Path "$work/env.json")"
expect "key" 2048 "$(jq .Configuration.hypervisor.qemu.default_memory "$work/env.json")"
"$run" env >"$work/env.toml"
expect_match "env" "\[Configuration.agent.kata\]" "$(cat "$work/env.toml")"

note "configuration"
printf '[hypervisor.qemu]\nmisspelt = 1\n' >"$defaults/config.d/10.toml"
"$run" env >/dev/null 2>"$work/out"
expect_match "warning" "10.toml:2: unknown key 'hypervisor.qemu.misspelt'" "$(cat "$work/out")"
printf '\n[runtime]\ncreate_container_timeout = "soon"\n' >"$defaults/config.d/20.toml"
expect_status 1 "$run" env >/dev/null 2>"$work/out"
expect_match "error" "20.toml:3: \[runtime\]: create_container_timeout must be a whole number" "$(cat "$work/out")"
rm "$defaults/config.d/20.toml"
touch "$work/elsewhere.toml"
expect_status 1 "$run" --config "$work/elsewhere.toml" env 2>"$work/out"
expect_match "error" "elsewhere.toml' is neither below" "$(cat "$work/out")"

note "exec"
if [ "$(id -u)" = 0 ]; then
	expect_status 1 setpriv --reuid 65534 --clear-groups "$run" exec abc 2>"$work/out"
	expect_match "not root" "exec needs root: run it with sudo" "$(cat "$work/out")"
	expect_status 1 "$run" exec no-such-sandbox 2>"$work/out"
	expect_match "no sandbox" "there is no sandbox 'no-such-sandbox'" "$(cat "$work/out")"
fi
expect_status 1 "$run" exec ../../etc 2>"$work/out"

note "usage"
expect_status 2 "$run" dance 2>"$work/out"
expect_match "usage" "there is no command 'dance'" "$(cat "$work/out")"
expect_match "version" "kata-runtime  : $(cat "$top/VERSION")" "$("$run" --version)"
expect_match "what it is compatible with" "compatible : Kata Containers [0-9]" "$("$run" version)"
