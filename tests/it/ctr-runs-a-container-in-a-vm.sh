#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# twin: runc
#
# ctr run against containerd 1.6 and 2.x: the guest's kernel, output on both streams, exit codes,
# stdin, environment, working folder; the VMM has a user of its own, no rights and nothing of the host in sight, the
# daemons beside it no way to more rights; afterwards nothing is left.
. "$(dirname "$0")/testing.sh"

require jq
kernel=$(run_kata kernel$$ uname -r)
note "host $(uname -r), container $kernel"
[ "$runtime" = io.containerd.runc.v2 ] || [ "$kernel" != "$(uname -r)" ] || fail "the container runs on the host's kernel"
status=0
run_kata streams$$ sh -c 'echo out; echo err >&2; exit 42' >"$work/out" 2>"$work/err" || status=$?
expect "exit code" 42 "$status"
expect "stdout" out "$(cat "$work/out")"
expect "stderr" err "$(tail -n 1 "$work/err")"
expect "stdin" 1048576 "$(head -c 1048576 /dev/zero | run_kata stdin$$ sh -c 'wc -c' | tr -d ' ')"
expect "long output" 20000 "$(run_kata long$$ seq 1 20000 | tail -n 1)"
# shellcheck disable=SC2016 # for the shell in the container
run_kata bytes$$ sh -c 'dd if=/dev/urandom of=/x bs=1M count=4 2>/dev/null; md5sum </x >&2; cat /x' >"$work/out" 2>"$work/err"
expect "4 MiB of output" "$(tail -n 1 "$work/err")" "$(md5sum <"$work/out")"
# shellcheck disable=SC2016
expect "environment, and memory of the size asked for (--shm-size)" "a b 3072" "$(ctr run --rm --runtime "$runtime" --env 'X=a b' \
	--mount type=tmpfs,src=shm,dst=/dev/shm,options=mode=1777:size=3m "$image" environment$$ \
	sh -c 'echo "$X" $(df -k /dev/shm | awk "END { print \$2 }")')"
expect "folder" /tmp "$(ctr run --rm --runtime "$runtime" --cwd /tmp "$image" folder$$ pwd)"

ctr run -d --runtime "$runtime" "$image" rights$$ sleep 1000 >/dev/null
pid_of() { processes_of rights$$ | awk -v program="/$1" 'index($2, program) { print $1; exit }'; }
rights() { # PROGRAM FIELD - of the process whose program that is
	inside awk -v field="$2:" '$1 == field { print $2 }' "/proc/$(pid_of "$1")/status"
}
check_vmm() {
	local vmm=qemu-system-x86_64 uid set pid
	uid=$(rights $vmm Uid)
	pid=$(pid_of $vmm)
	[ "$uid" -ge 2000000000 ] || fail "the VMM runs as user $uid"
	expect "ids of the VMM" "$uid $uid $uid $uid $uid $uid $uid $uid" \
		"$(inside awk '$1 == "Uid:" || $1 == "Gid:" { printf "%s%s %s %s %s", comma, $2, $3, $4, $5; comma = " " }' "/proc/$pid/status")"
	expect "no_new_privs of the VMM" 1 "$(rights $vmm NoNewPrivs)"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		expect "$set of the VMM" 0000000000000000 "$(rights $vmm $set)"
	done
	expect "core dumps of the VMM" "0 0" "$(inside awk '/^Max core file size/ { print $5, $6 }' "/proc/$pid/limits")"
	expect "what the VMM sees beside devices and its release" "" \
		"$(inside find "/proc/$pid/root/" -xdev -type f | grep -vE "/root/dev/(null|urandom|kvm)$|$kata/" || true)"
	expect "folders the VMM sees" "" "$(inside ls "/proc/$pid/root" | grep -xE 'etc|home|proc|root|run|sys|usr|var' || true)"
	inside test -e "/run/vc/uids/$uid" || fail "the VMM's user is not reserved"
	note "the VMM is user $uid"
}
if [ "$runtime" != io.containerd.runc.v2 ]; then
	check_vmm
	expect "no_new_privs of virtiofsd" 1 "$(rights virtiofsd NoNewPrivs)"
	if [ ! -e /dev/vhost-vsock ]; then
		expect "no_new_privs of vhost-device-vsock" 1 "$(rights vhost-device-vsock NoNewPrivs)"
		for set in CapInh CapPrm CapEff CapBnd CapAmb; do
			expect "$set of vhost-device-vsock" 0000000000000000 "$(rights vhost-device-vsock $set)"
		done
	fi
fi
if [ "$runtime" != io.containerd.runc.v2 ]; then
	inside cat "/run/vc/sbs/rights$$/state.json" >"$work/record"
	for asset in shim vmm kernel initrd virtiofsd; do
		path=$(jq -r ".assets.$asset.path" "$work/record")
		expect "recorded digest of $asset" "$(sha256sum <"$path" | cut -d' ' -f1)" \
			"$(jq -r ".assets.$asset.sha256" "$work/record")"
	done
	expect "what the shim says of itself when CRI-O asks" "1.0.0 4 true" \
		"$("$(jq -r .assets.shim.path "$work/record")" features 2>&1 | jq -r '"\(.ociVersionMin) \(.hooks | length) \(.linux.seccomp.enabled)"')"
	expect_match "recorded start" '^[0-9]{4}-[0-9-]+T[0-9:]+Z$' "$(jq -r .started "$work/record")"
	expect_match "recorded configuration" '^hypervisor\.qemu\.default_memory = [0-9]+$' \
		"$(inside grep default_memory "/run/vc/sbs/rights$$/configuration" | tail -n 1)"
fi
ctr task kill -s KILL rights$$
eventually 20 "the container to end" ctr task delete rights$$ >/dev/null
expect "users of VMMs that are gone" "" "$(inside ls /run/vc/uids 2>/dev/null || true)"
for name in kernel streams stdin long bytes environment folder rights; do
	eventually 10 "everything of '$name' to go" nothing_left "$name$$"
done
passed
