#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 900
# place: machine
#
# On a machine with systemd, cgroup v2 and a KVM that works: containers run in VMs on KVM without
# allow_emulation, with the kernel's vsock and its network; streams, exit codes, exec, figures and limits
# are right, and nothing is left afterwards, no cgroup either.
#
# Only a privileged process of the machine reaches the agent.  The VMM is no such process, and makes no system call that
# it may not make.
#
# Huge pages that only the pod's cgroup names are in the guest, and are the machine's own.
#
# One container has a pod's cgroup of the size that the kubelet would give it: its own limit and what is booked beside
# it.  The VM is made to fit, and a container that runs out of memory takes nobody along.
. "$(dirname "$0")/../vm/testing.sh"

image=kata.test/busybox:1
mkdir "$work/node"
cp -a "$version_dir" "$work/node/kata"
cp "$("$top/packaging/artefact" test-images)/busybox.tar" "$work/node/"
[ -x "$top/build/release/bin/kata-agent-ctl" ] || skip "no kata-agent-ctl in 'build/release'; './dev package' makes it"
cp "$top/build/release/bin/kata-agent-ctl" "$work/node/"
boot_alone

expect "first process" systemd "$(vm cat /proc/1/comm)"
expect "cgroups" cgroup2fs "$(vm stat -f -c %T /sys/fs/cgroup)"
vm ln -sfn /node/kata /opt/kata
checked=$(vm /opt/kata/bin/kata-runtime check) || fail "kata-runtime check: $checked"
note "$checked"

eventually 60 "containerd to run" vm systemctl is-active --quiet containerd
vm ln -s /node/kata/bin/containerd-shim-kata-v2 /usr/local/bin/
vm ctr images import /node/busybox.tar >/dev/null
run=(ctr run --runtime io.containerd.kata.v2)

status=0
head -c 1048576 /dev/zero | vm "${run[@]}" --rm $image once sh -c 'uname -r; echo err >&2; wc -c; exit 42' \
	>"$work/out" 2>"$work/err" || status=$?
expect "exit code" 42 $status
expect "stderr" err "$(tail -n 1 "$work/err")"
{ read -r kernel && read -r bytes; } <"$work/out"
note "host $(vm uname -r), container $kernel"
[ "$kernel" != "$(vm uname -r)" ] || fail "the container runs on the host's kernel"
expect "stdin" 1048576 "$bytes"

# A pod's network as a plugin makes it.
vm sh -euc '
	ip netns add pod
	ip netns add far
	ip -n pod link add eth0 type veth peer name peer netns far
	ip -n pod addr add 10.88.7.2/24 dev eth0
	ip -n pod link set lo up
	ip -n pod link set eth0 up
	ip -n far addr add 10.88.7.1/24 dev peer
	ip -n far link set lo up
	ip -n far link set peer up
	mkdir -p /tmp/www
	head -c 3000000 /dev/zero >/tmp/www/file
	ip netns exec far busybox httpd -p 10.88.7.1:80 -h /tmp/www'
# What lib/overhead.c books for a pod on KVM.
limit=$((128 << 20)) booked=$((160 << 20))
vm sh -euc "
	mkdir /sys/fs/cgroup/pod
	echo $((limit + booked)) >/sys/fs/cgroup/pod/memory.max"
vm "${run[@]}" -d --cgroup /pod/box --with-ns network:/run/netns/pod --memory-limit $limit --cpus 0.5 $image box sleep 1000
expect_vhost

cid=$(vm cat /run/vc/sbs/box/state.json | grep -oE 'vsock://[0-9]+' | head -n 1)
ask() { vm "$@" /node/kata-agent-ctl --server-address "$cid:1024" --timeout 20 Check; }
expect "what the agent says to root" '{"status":"SERVING"}' "$(ask env)"
if ask setpriv --reuid 65534 --clear-groups >"$work/out" 2>&1; then
	fail "any process of the machine reaches the agent: $(cat "$work/out")"
fi
expect_match "user of the VMM" '^20000[0-9]{5}$' "$(vm sh -c 'stat -c %u /proc/$(pidof qemu-system-x86_64)')"

guest() { vm ctr tasks exec --exec-id "e$RANDOM$RANDOM" box "$@"; }
guest ping -c 1 -W 5 10.88.7.1 >/dev/null
vm ip netns exec far busybox ping -c 1 -W 5 10.88.7.2 >/dev/null
expect "bytes received" 3000000 "$(guest sh -c 'wget -q -O - http://10.88.7.1/file | wc -c' | tr -d ' ')"
status=0
guest sh -c 'exit 7' || status=$?
expect "exit code of exec" 7 $status
vm ctr tasks metrics box >"$work/metrics"
expect_match "limit of memory" 'limit.*134217728' "$(tr '\n' ' ' <"$work/metrics")"
status=0
guest dd if=/dev/zero of=/dev/null bs=160M count=1 >/dev/null 2>&1 || status=$?
expect "exit code of 160 MiB in a limit of 128 MiB" 137 $status
expect_match "cgroup of the VM" '^0::/pod/.*kata_box/vm$' "$(vm sh -c 'cat /proc/$(pidof qemu-system-x86_64)/cgroup')"

# QEMU's own part is what an emulating one would have more of.
pss=$(vm sh -c 'for name in containerd-shim-kata-v2 qemu-system-x86_64 virtiofsd; do
	for pid in $(pidof $name); do
		awk -v name=$name "/^Pss:/ { print name, \$2 * 1024 }" /proc/$pid/smaps_rollup
	done
done')
own=$(vm sh -c 'awk "/^RssAnon:/ { print \$2 * 1024 }" /proc/$(pidof qemu-system-x86_64)/status')
note "PSS: $(paste -sd' ' <<<"$pss"), of QEMU's own $own"
note "the pod's cgroup: $(vm sh -c 'cat /sys/fs/cgroup/pod/memory.peak; grep -v " 0$" /sys/fs/cgroup/pod/memory.events || true' | paste -sd' ')"
grep -q '^qemu.* [1-9]' <<<"$pss" || fail "no memory of QEMU: $pss"
# The program that was killed for its memory had touched the limit of its container.
[ "$(awk -v limit=$limit '{ sum += $2 } END { printf "%.0f", sum - limit }' <<<"$pss")" -le $booked ] ||
	fail "a pod takes more beside its containers than is booked for it"
expect "processes of the machine killed for memory" 0 "$(vm sed -n 's/^oom_kill //p' /sys/fs/cgroup/pod/memory.events)"

vm ctr tasks kill --signal KILL box
stopped() { [[ $(vm ctr tasks ls) =~ box\ +[0-9]+\ +STOPPED ]]; }
eventually 60 "the task to stop" stopped
vm ctr tasks delete box >/dev/null 2>&1 || true
vm ctr containers delete box
eventually 30 "everything to go" vm_left

vm sh -euc '
	echo +hugetlb >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/pages
	echo 134217728 >/sys/fs/cgroup/pages/hugetlb.2MB.max
	echo 64 >/proc/sys/vm/nr_hugepages'
vm "${run[@]}" -d --cgroup /pages/huge $image huge sleep 1000
vm dmesg | grep 'type=1326 ' >"$work/refused" && fail "system calls were refused: $(cat "$work/refused")"
expect "huge pages of the guest" 64 \
	"$(vm ctr tasks exec --exec-id pages huge sed -n 's/HugePages_Total: *//p' /proc/meminfo)"
expect "those of the machine that are free and not promised" 0 \
	"$(vm awk '/HugePages_Free/ { n += $2 } /HugePages_Rsvd/ { n -= $2 } END { print n }' /proc/meminfo)"
vm ctr tasks kill --signal KILL huge
passed
