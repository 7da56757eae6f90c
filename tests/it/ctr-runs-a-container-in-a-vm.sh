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
# check_confined PROGRAM USER FILTERS - that is nobody else, may do nothing and writes no core
check_confined() {
	local set pid
	pid=$(pid_of "$1")
	expect "ids of $1" "$2 $2 $2 $2 $2 $2 $2 $2" \
		"$(inside awk '$1 == "Uid:" || $1 == "Gid:" { printf "%s%s %s %s %s", comma, $2, $3, $4, $5; comma = " " }' "/proc/$pid/status")"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		expect "$set of $1" 0000000000000000 "$(rights "$1" $set)"
	done
	# Ours are two; QEMU adds one.
	expect "filters of system calls of $1" "$3" "$(rights "$1" Seccomp_filters)"
	check_closed "$1"
	expect "what $1 sees beside devices and its release" "" \
		"$(inside find "/proc/$pid/root/" -xdev -type f | grep -vE "/root/dev/(null|urandom|kvm)$|$kata/" || true)"
	expect "folders $1 sees" "" "$(inside ls "/proc/$pid/root" | grep -xE 'etc|home|proc|root|sys|usr|var' || true)"
}
check_closed() { # PROGRAM
	expect "no_new_privs of $1" 1 "$(rights "$1" NoNewPrivs)"
	expect "core dumps of $1" "0 0" "$(inside awk '/^Max core file size/ { print $5, $6 }' "/proc/$(pid_of "$1")/limits")"
}
if [ "$runtime" != io.containerd.runc.v2 ]; then
	user=$(rights qemu-system-x86_64 Uid)
	note "the VMM is user $user"
	[ "$user" -ge 2000000000 ] || fail "the VMM runs as user $user"
	inside test -e "/run/vc/uids/$user" || fail "the VMM's user is not reserved"
	check_confined qemu-system-x86_64 "$user" 3
	if inside grep -q tcg "/proc/$(pid_of qemu-system-x86_64)/cmdline"; then
		expect "huge pages of an emulator" 0 "$(rights qemu-system-x86_64 THP_enabled)"
		inside grep -q arena_max=1 "/proc/$(pid_of qemu-system-x86_64)/environ" || fail "an emulator has more heaps than one"
	fi
	expect "what the VMM sees of /run" "" "$(inside find "/proc/$(pid_of qemu-system-x86_64)/root/run" 2>/dev/null || true)"
	if [ ! -e /dev/vhost-vsock ]; then
		check_confined vhost-device-vsock "$user" 2
		expect "what vhost-device-vsock sees of /run" "vsock.sock" \
			"$(inside find "/proc/$(pid_of vhost-device-vsock)/root/run" -not -type d -printf '%f ' | tr ' ' '\n' | sort | paste -sd' ' | sed 's/^ //')"
	fi
	check_closed virtiofsd
	# The child does the work: to be any user of the guest and open files by handles, in the share alone, where no device is opened.
	daemon=$(pid_of virtiofsd)
	worker=$(inside cat "/proc/$daemon/task/$daemon/children" | tr -d ' ')
	expect "capabilities of virtiofsd" "00000000880000df 00000000880000df" \
		"$(inside awk '/^Cap(Prm|Eff):/ { print $2 }' "/proc/$worker/status" | paste -sd' ')"
	expect "filters of system calls of virtiofsd" 1 "$(inside awk '/^Seccomp_filters:/ { print $2 }' "/proc/$worker/status")"
	expect "core dumps of its child" "0 0" "$(inside awk '/^Max core file size/ { print $5, $6 }' "/proc/$worker/limits")"
	expect "mounts of virtiofsd on which it could open a device" "" "$(inside awk '$6 !~ /nodev/' "/proc/$worker/mountinfo")"
	for kind in mnt net pid; do
		[ "$(inside readlink "/proc/$worker/ns/$kind")" != "$(inside readlink "/proc/self/ns/$kind")" ] || fail "virtiofsd has the host's $kind namespace"
	done
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
