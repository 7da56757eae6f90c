#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The release's agent as the first process of its own kernel: everything agent-runs-containers asks,
# and what needs control groups that are ours: limits, OOM events, statistics.  Then it still is small.
# Every day it is asked what differs in a kernel of its own; agent-runs-containers asks the rest of the same code.
# variants: CHECKS=some
# variants.full: CHECKS=all
# shellcheck disable=SC2034 # root and evil_root are for agent-checks.sh
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/agent-checks.sh"

require busybox jq
build=${KATA_BUILD_DIR:-$top/build/dev}
version_dir=${KATA_VERSION_DIR:-$top/build/dist/kata}
share=$version_dir/share/kata-containers
address=hvsock://$work/vsock:1024
root=/checks/image
evil_root=/checks/evil
rss_max_kib=1024

[ -x "$build/bin/kata-agent-ctl" ] || skip "no kata-agent-ctl in '$build'"
[ -e "$share/kata-containers-initrd.img" ] || skip "no release in '$version_dir'; './dev package' makes one"

# The kernel unpacks every archive of an initrd one after the other: the agent's, then the images.
make_initrd() {
	local path
	make_image "$work/checks/image"
	make_image "$work/checks/evil"
	rmdir "$work/checks/evil/proc"
	ln -s tmp "$work/checks/evil/proc"
	while read -r path; do
		if [ -L "$work/$path" ]; then
			echo "link $path $(readlink "$work/$path")"
		elif [ -d "$work/$path" ]; then
			echo "dir $path 0755"
		else
			echo "file $path 0$(stat -c %a "$work/$path") $path"
			sources+=("$path=$work/$path")
		fi
	done < <(cd "$work" && find checks) >"$work/table"
	"$top/packaging/guest/mkcpio" "$work/table" "$work/images" "${sources[@]}"
	cat "$share/kata-containers-initrd.img" "$work/images" >"$work/initrd"
}

start_vm() {
	"$version_dir/libexec/vhost-device-vsock" \
		--vm "guest-cid=3,socket=$work/vhost,uds-path=$work/vsock,tx-buffer-size=24576" >"$work/vsock.log" 2>&1 &
	cleanup kill $!
	eventually 10 "the vsock device" test -S "$work/vhost"
	"$version_dir/bin/qemu-system-x86_64" -L "$version_dir/share/kata-qemu/qemu" \
		-M q35,memory-backend=mem -accel tcg,thread=multi -cpu max,erms=off,fsrm=off -smp 2 -m 384 \
		-object memory-backend-memfd,id=mem,size=384M,share=on \
		-nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console" \
		-chardev "socket,id=vsock,path=$work/vhost" -device vhost-user-vsock-pci,chardev=vsock \
		-kernel "$share/vmlinux.container" -initrd "$work/initrd" \
		-append "console=ttyS0 reboot=t panic=-1 quiet norandmaps cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1" \
		>"$work/qemu.log" 2>&1 &
	qemu_pid=$!
	cleanup kill_vm
	eventually 60 "the agent to listen" agent_listens
}

kill_vm() {
	[ $? = 0 ] || tail -n 20 "$work/console"
	kill -KILL "$qemu_pid" 2>/dev/null
	wait "$qemu_pid" 2>/dev/null
}

agent_listens() {
	kill -0 "$qemu_pid" || fail "the VM ended: $(cat "$work/qemu.log" "$work/console")"
	grep -a 'serving' "$work/console"
}

ctl() { "$build/bin/kata-agent-ctl" --server-address "$address" "$@"; }
ctl_data() { "$build/bin/kata-agent-ctl" --server-address "$address" --data - "$@"; }

rss_kib() { ctl GetMetrics | sed -n 's/^kata_agent_total_rss //p' | awk '{print int($1 / 1024)}'; }

is_small() {
	local rss
	rss=$(rss_kib)
	echo "resident: $rss KiB"
	[ "$rss" -gt 0 ] && [ "$rss" -le $rss_max_kib ]
}

vm_is_off() { ! kill -0 "$qemu_pid" 2>/dev/null; }

make_initrd
start_vm
ctl CreateSandbox '{"hostname": "box", "sandbox_id": "sandbox"}' >/dev/null
case ${CHECKS:-all} in
all) ;;
some) every_check=(output terminal removal many_at_once hostile_image devices seccomp sysctl pause) ;;
*) read -r -a every_check <<<"$CHECKS" ;;
esac
run_checks "${every_check[@]}" divided_group limits room clock null_replaced
eventually 20 "the agent to be small again" is_small
note "$(cat "$work/eventually")"
ctl DestroySandbox >/dev/null
eventually 20 "the machine to be switched off" vm_is_off
echo "PASSED"
