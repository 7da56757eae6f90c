#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Missing kernel, setting of a wrong type, what this version does not have, emulation not allowed: `ctr run` fails,
# names what is wrong, and leaves nothing.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about the kata shim"

settings=$kata/share/defaults/kata-containers/config.d/20-test.toml
try() { # WHAT REGEX: runs with the settings on stdin
	local status=0 box=box$$-$RANDOM
	cat >"$settings"
	run_kata "$box" true >"$work/out" 2>&1 || status=$?
	[ "$status" != 0 ] || fail "$1: the container ran"
	expect_match "$1" "$2" "$(cat "$work/out")"
	eventually 20 "everything to go" nothing_left "$box"
}
try "missing kernel" '/no/such/vmlinux' <<<'[hypervisor.qemu]
kernel = "/no/such/vmlinux"'
try "wrong type" '20-test.toml:2' <<<'[hypervisor.qemu]
default_vcpus = "many"'
try "confidential guest" '20-test.toml:2: .*asks for a confidential guest' <<<'[hypervisor.qemu]
confidential_guest = true'
try "another hypervisor" "20-test.toml:1: hypervisor 'clh'" <<<'[hypervisor.clh]
path = "/usr/bin/cloud-hypervisor"'
try "no TOML" '20-test.toml:1' <<<'[hypervisor.qemu'
if ! "$kata/bin/kata-runtime" check >/dev/null 2>&1; then
	try "emulation not allowed" 'allow_emulation' <<<'[hypervisor.qemu]
allow_emulation = false'
fi
rm "$settings"
run_kata good$$ true
passed
