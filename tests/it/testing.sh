#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# testing.sh - containerd with our shim, for one test.  Sourced by tests/it/*.sh.
#
# containerd (CONTAINERD=1: Debian's 1.6, 2: the artefact, 2.0: that one) runs in a pid and mount namespace of its own
# with its own /run, so that whatever a test leaves behind goes with pid 1 of it; the checks for
# leftovers are therefore made before that.  Cgroups are the machine's own: they are told apart by the
# name of containerd's namespace, so that tests run side by side.  The shim is the release's (in
# KATA_DIST_DIR, by default where `./dev package` puts it), with emulation allowed by a drop-in of its own.
# A test may set containerd_plugins to more of containerd's configuration, and containerd_disabled to the plugins it
# shall not have (none of CRI), before it sources this.
# shellcheck disable=SC2034 # some names are for the tests only
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

require_root
require ctr containerd runc unshare nsenter
image=kata.test/busybox:1
no_cri='"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"'
runtime=${RUNTIME:-io.containerd.kata.v2}
kata=$work/kata
export CONTAINERD_NAMESPACE=test$$
version_dir=${KATA_DIST_DIR:-$top/build/dist}/kata

install_kata() {
	[ -x "$version_dir/bin/containerd-shim-kata-v2" ] || skip "no release in '$version_dir'; './dev package' makes one"
	cp -a "$version_dir" "$kata"
	mkdir -p "$kata/share/defaults/kata-containers/config.d"
	cat >"$kata/share/defaults/kata-containers/config.d/10-test.toml" <<-END
		[hypervisor.qemu]
		allow_emulation = true
		default_memory = 256
	END
}

containerd_path() {
	local version=${CONTAINERD:-2} latest
	latest=$("$top/packaging/artefact" containerd)
	case $version in
	1) echo /usr/bin ;;
	2) echo "$latest" ;;
	*) # The daemon of that version, with the other programs of the latest.
		mkdir -p "$work/programs"
		ln -sf "$latest"/* "$work/programs/"
		ln -sf "$("$top/packaging/artefact" "containerd-$version")/containerd" "$work/programs/"
		echo "$work/programs"
		;;
	esac
}

# start_containerd - and import the test image; `ctr` below speaks to it.
start_containerd() {
	local bin images
	[ "$runtime" = io.containerd.runc.v2 ] || install_kata
	bin=$(containerd_path)
	images=$("$top/packaging/artefact" test-images)
	mkdir -p "$work/root"
	cat >"$work/containerd.toml" <<-END
		version = 2
		root = "$work/root"
		state = "/run/containerd"
		disabled_plugins = [${containerd_disabled-$no_cri}]
		[grpc]
		  address = "/run/containerd/containerd.sock"
		[debug]
		  level = "debug"
		${containerd_plugins:-}
	END
	cat >"$work/init" <<-END
		mount --make-rprivate /
		mount -t tmpfs -o mode=755 tmpfs /run
		export PATH=$kata/bin:$bin:\$PATH
		containerd --config $work/containerd.toml >$work/containerd.log 2>&1 &
		echo \$! >/run/containerd.pid
		while :; do wait; sleep 0.2; done
	END
	unshare --mount --pid --fork --kill-child --mount-proc bash "$work/init" >"$work/init.log" 2>&1 </dev/null &
	outer=$!
	containerd_bin=$bin
	cleanup stop_containerd
	eventually 10 "pid 1 of containerd's namespace" find_init
	eventually 30 "containerd to answer ($work/containerd.log)" ctr version
	ctr images import "$images/busybox.tar" >/dev/null
}

# The file has no newline at its end, so read fails even when it read something.
find_init() {
	read -r init <"/proc/$outer/task/$outer/children" || [ -n "$init" ]
}

# inside COMMAND... - in the namespaces of containerd.
inside() {
	nsenter -t "$init" -m -p "$@"
}

ctr() {
	inside "$containerd_bin/ctr" --address /run/containerd/containerd.sock "$@"
}

# A VMM and its daemons make no system call in their life that they may not make: the kernel would have said so.
refused_calls() {
	dmesg | grep 'type=1326 ' | grep -F "exe=\"$kata/" | grep -oE 'comm="[^"]*"|syscall=[0-9]+' | paste -sd' ' || true
}

stop_containerd() {
	[ "${ending:-}" = well ] || grep -v 'level=debug\|loading plugin' "$work/containerd.log" | tail -n 25 | cut -c1-400
	kill -KILL "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
	eventually 10 "the cgroups of the test to go" no_cgroups
	[ -z "$(refused_calls)" ] || fail "system calls were refused: $(refused_calls)"
}

no_cgroups() {
	local group left=0
	for group in /sys/fs/cgroup{,/*}"/$CONTAINERD_NAMESPACE"; do
		[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + || left=1
	done
	return $left
}

# run_kata NAME COMMAND... - ctr run in the foreground, container and task removed afterwards.
run_kata() {
	local name=$1
	shift
	ctr run --rm --runtime "$runtime" "$image" "$name" "$@"
}

has_ended() { # NAME: its task runs no more
	local tasks
	tasks=$(ctr tasks ls) && ! grep -q "^$1 .*RUNNING" <<<"$tasks"
}

# processes_of NAME - of the sandbox: shim, VMM and daemons carry its id.
processes_of() {
	inside ps -eo pid,args | grep -F -- "$1" | grep -E 'shim|qemu|virtiofsd|vhost-device' || true
}

# Where containerd is gone, so is all that could be found: that proves nothing.
nothing_left() { # NAME
	inside test -d "/proc/$(inside cat /run/containerd.pid)" || fail "containerd, in whose namespaces is looked, has died"
	[ -z "$(processes_of "$1")" ] && ! inside grep -qF -- "$1" /proc/mounts &&
		[ -z "$(inside find /run/kata-containers /run/vc -path "*$1*" 2>/dev/null)" ] &&
		[ -z "$(find /sys/fs/cgroup -type d -path "*/$CONTAINERD_NAMESPACE/*$1*")" ]
}

# passed - the last line of a test: containerd's log is then not shown.
passed() { ending=well; }

start_containerd

# Protocol buffers as escapes for printf; ctr has no command for an update, and none between Create and Start.  It needs curl.
byte() { printf '\\x%02x' "$1"; }
varint() { if [ "$1" -lt 128 ]; then byte "$1"; else byte $(($1 & 127 | 128)) && varint $(($1 >> 7)); fi; }
size_of() { printf %b "$1" | wc -c; }
field() { echo "$(byte $(($1 << 3 | 2)))$(varint "$(size_of "$2")")$2"; } # NUMBER ESCAPES
call_tasks() { # METHOD ESCAPES: of containerd's service of tasks
	local size
	size=$(size_of "$2")
	printf %b "\0\0\0$(byte $((size >> 8)))$(byte $((size & 255)))$2" >"$work/request"
	inside curl -sS --http2-prior-knowledge --unix-socket /run/containerd/containerd.sock -D "$work/answer" \
		-o /dev/null -H 'content-type: application/grpc' -H 'te: trailers' -H "containerd-namespace: $CONTAINERD_NAMESPACE" \
		--data-binary "@$work/request" "http://localhost/containerd.services.tasks.v1.Tasks/$1"
	tr -d '\r' <"$work/answer" | grep -qix 'grpc-status: 0' || fail "$1 failed: $(cat "$work/answer")"
}
update() { # NAME JSON
	local any
	any=$(field 1 types.containerd.io/opencontainers/runtime-spec/1/LinuxResources)$(field 2 "$2")
	call_tasks Update "$(field 1 "$1")$(field 2 "$any")"
}
