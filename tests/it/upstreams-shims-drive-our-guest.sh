#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1500
# place: machine
# variants: SHIM=GO SHIM=RUST
#
# Upstream's shims, unmodified, run pods in our guest: streams and exit codes, a megabyte of output whole, a terminal, an
# exec, a network, a configMap whose change is seen, memory that is plugged in and runs out, a direct volume, an end that
# leaves nothing.  Our kata-runtime asks such a sandbox for its metrics and packet filter, and enters it.
. "$(dirname "$0")/../vm/testing.sh"
. "$(dirname "$0")/upstream-parts.sh"

# shellcheck disable=SC2153 # of the variants
upstream_part "SHIM_$SHIM"
shim=$part
[ -x "${KATA_TEST_UPSTREAM_QEMU:-}/qemu-system-x86_64" ] || skip "KATA_TEST_UPSTREAM_QEMU names no folder with a QEMU for upstream's shims"
image=kata.test/busybox:1 cri=io.kubernetes.cri
# Upstream's shim in Go waits for ever, with its lock, when the end of a process's input is told before its start: here
# the input of most has none.
exec < <(exec sleep 100000)
cleanup kill $!
mkdir "$work/node"
cp -a "$version_dir" "$work/node/kata"
cp -a "$KATA_TEST_UPSTREAM_QEMU" "$work/node/qemu"
cp "$shim" "$work/node/containerd-shim-kata-v2"
cp "$("$top/packaging/artefact" test-images)/busybox.tar" "$work/node/"
upstream_configuration "$SHIM" /node/kata /node/qemu true >"$work/node/configuration.toml"
boot_alone
journal() { [ "${ending:-}" = well ] || vm journalctl --no-pager -t kata -n 60 | cut -c1-600; }
cleanup journal

eventually 60 "containerd to run" vm systemctl is-active --quiet containerd
vm ctr images import /node/busybox.tar >/dev/null
vm ln -sfn /node/kata /opt/kata
run=(ctr run --runtime /node/containerd-shim-kata-v2 --runtime-config-path /node/configuration.toml)

# The program counts what it reads and waits for no end: ctr 1.6 keeps its side of the input open until CloseIO is answered,
# which upstream's shim does when that side is closed.
status=0
head -c 100000 /dev/zero | vm "${run[@]}" --rm $image once sh -c 'uname -r; echo err >&2; head -c 100000 | wc -c; exit 42' >"$work/out" 2>"$work/err" || status=$?
expect "exit code" 42 $status
expect "stderr" err "$(tail -n 1 "$work/err")"
{ read -r kernel && read -r bytes; } <"$work/out"
[ "$kernel" != "$(vm uname -r)" ] || fail "the container runs on the machine's kernel"
expect "stdin" 100000 "$bytes"
# shellcheck disable=SC2016 # for the shell in the container
vm "${run[@]}" --rm $image bytes sh -c 'dd if=/dev/urandom of=/x bs=1M count=1 2>/dev/null; md5sum </x >&2; cat /x' >"$work/out" 2>"$work/err"
expect "a megabyte of output" "$(tail -n 1 "$work/err")" "$(md5sum <"$work/out")"
note "streams are whole"

# A network that an engine made: the guest has its interface, addresses, routes and a neighbour that never changes.
vm sh -euc 'ip netns add net1
	ip link add out1 type veth peer name in1 netns net1
	ip link set out1 address 02:00:00:00:00:01 up
	ip addr add 10.99.0.1/24 dev out1
	cd /; for command in "link set lo up" "link set in1 name eth0 mtu 1400" "link set eth0 up" "addr add 10.99.0.2/24 dev eth0" \
		"addr add fd99::2/64 dev eth0 nodad" "route add default via 10.99.0.1" "route add 10.98.0.0/16 via 10.99.0.9" \
		"neigh add 10.99.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent"; do
		ip netns exec net1 ip $command
	done'
vm "${run[@]}" --rm --with-ns network:/run/netns/net1 $image net sh -c 'ip addr show eth0; ip route; ip neigh; ping -c 1 -W 20 10.99.0.1' >"$work/out" 2>"$work/err"
for text in 'mtu 1400' 'inet 10.99.0.2/24' 'inet6 fd99::2/64' 'default via 10.99.0.1 dev eth0' '10.98.0.0/16 via 10.99.0.9' \
	'10.99.0.9 .*02:00:00:00:00:09 .*PERMANENT' '1 packets received'; do
	grep -qE "$text" "$work/out" || fail "the network has no '$text': $(cat "$work/out" "$work/err")"
done
note "a network"

# What the kubelet makes of a configMap: a link that turns.
volume=/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555/volumes/kubernetes.io~configmap/map
vm sh -euc "mkdir -p $volume/..one && echo first >$volume/..one/key && ln -s ..one $volume/..data && ln -s ..data/key $volume/key"
vm "${run[@]}" -d --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=pod $image pod sleep 10000
vm "${run[@]}" -d --annotation $cri.container-type=container --annotation $cri.sandbox-id=pod \
	--mount type=bind,src=$volume,dst=/map,options=rbind:ro $image member sleep 10000
in_member() { vm ctr tasks exec --exec-id "e$RANDOM$RANDOM" member "$@"; }
expect "the configMap" first "$(in_member cat /map/key)"
vm sh -euc "mkdir $volume/..two && echo second >$volume/..two/key && ln -s ..two $volume/..new && mv -T $volume/..new $volume/..data && rm -r $volume/..one"
sees_second() { [ "$(in_member cat /map/key)" = second ]; }
eventually 60 "the change of the configMap to be seen" sees_second
status=0
in_member sh -c 'exit 7' || status=$?
expect "exit code of exec" 7 $status
expect "VMs" 1 "$(vm pgrep -c qemu.bin)"
screen=$(vm timeout 120 script -qec "ctr tasks exec -t --exec-id term member sh -c 'test -t 1 && echo terminal; stty size; echo typed'" /dev/null </dev/null | tr -d '\r')
expect_match "the terminal" 'terminal.*typed' "${screen//$'\n'/ }"
note "pod, configMap, exec and terminal"

expect_match "statistics" 'memory.*[1-9]' "$(vm ctr tasks metrics member | tr '\n' ' ')"
# shellcheck disable=SC2016 # for the shell in the container
vm "${run[@]}" -d --annotation $cri.container-type=container --annotation $cri.sandbox-id=pod --memory-limit 134217728 \
	--mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro $image counts sh -c 'trap "echo caught >/caught" USR1; while :; do sleep 0.2; done'
in_counts() { vm ctr tasks exec --exec-id "e$RANDOM$RANDOM" counts "$@"; }
expect "its limit" 134217728 "$(in_counts cat /sys/fs/cgroup/memory.max)"
memory=$(in_counts awk '/^MemTotal/ { print $2 }' /proc/meminfo)
[ "$memory" -gt 400000 ] || fail "the guest has only $memory kB with a container of 128 MiB more"
vm ctr tasks pause counts
expect_match "paused" 'counts +[0-9]+ +PAUSED' "$(vm ctr tasks ls)"
vm ctr tasks resume counts
expect_match "resumed" 'counts +[0-9]+ +RUNNING' "$(vm ctr tasks ls)"
vm ctr tasks kill --signal USR1 counts
caught() { [ "$(in_counts cat /caught 2>/dev/null)" = caught ]; }
eventually 60 "the signal to be caught" caught
vm sh -c 'ctr events >/node/events 2>/dev/null' &
cleanup kill $! 2>/dev/null
status=0
in_counts dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null || status=$?
expect "exit code of what ran out of memory" 137 $status
tells_oom() { vm grep -q '/tasks/oom.*counts' /node/events; }
eventually 60 "the report of memory shortage" tells_oom
note "statistics, memory, pause, signals, shortage of memory"

# A volume that is a disk with a file system, named by what a storage driver writes; the guest mounts it.
case $SHIM in GO) type=block ;; *) type=directvol ;; esac
direct=/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555/volumes/kubernetes.io~csi/pv/mount
vm sh -euc "truncate -s 64M /node/disk && mkdir -p /node/in $direct && echo here >/node/in/file && mkfs.ext4 -q -d /node/in /node/disk"
disk=$(vm losetup --find --show /node/disk)
vm /opt/kata/bin/kata-runtime direct-volume add --volume-path $direct --mount-info "{\"volume-type\":\"$type\",\"device\":\"$disk\",\"fstype\":\"ext4\"}"
vm "${run[@]}" -d --annotation $cri.container-type=container --annotation $cri.sandbox-id=pod \
	--mount type=bind,src=$direct,dst=/data,options=rbind:rw $image volume sleep 10000
in_volume() { vm ctr tasks exec --exec-id "e$RANDOM$RANDOM" volume "$@"; }
expect "a file of the disk" here "$(in_volume cat /data/file)"
in_volume sh -c 'echo written >/data/new && sync'
expect_match "the volume's file system" '/data ext4 rw' "$(in_volume cat /proc/mounts)"
# The shim in Rust leaves no word which sandbox has a volume.
[ "$SHIM" = RUST ] ||
	expect_match "how full it is" '"BYTES"|usage|capacity|total' "$(vm /opt/kata/bin/kata-runtime direct-volume stats --volume-path $direct)"
note "a direct volume"

# The shim in Rust has no metrics of QEMU and would end with its pod.
metrics=$(vm /opt/kata/bin/kata-runtime metrics pod 2>&1) || [ "$SHIM" = RUST ] || fail "no metrics: $metrics"
case $SHIM in
GO)
	for name in 'kata_shim_threads' 'kata_guest_meminfo{item="mem_total"}' 'kata_agent_scrape_count'; do
		grep -qF "$name " <<<"$metrics" || fail "no $name in what kata-runtime metrics says: $(head -c 500 <<<"$metrics")"
	done
	;;
RUST) expect_match "metrics of it" 'ends with its pod' "$metrics" ;;
esac
printf '*filter\n-A INPUT -p tcp --dport 4321 -j DROP\nCOMMIT\n' | vm sh -c 'cat >/node/rules'
vm /opt/kata/bin/kata-runtime iptables set --sandbox-id pod /node/rules
expect_match "the packet filter" '--dport 4321' "$(vm /opt/kata/bin/kata-runtime iptables get --sandbox-id pod)"
expect_match "what exec shows of the guest" '/dev/console|kata-agent|init' \
	"$(printf 'ps\nexit\n' | vm timeout 60 /opt/kata/bin/kata-runtime exec pod | tr -d '\r')"
note "our kata-runtime asks and enters"

ends() { [[ $(vm ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }
for name in volume counts member pod; do
	vm ctr tasks kill --signal KILL $name
	eventually 60 "$name to stop" ends $name
	vm ctr tasks delete $name >/dev/null 2>&1 || true
	vm ctr containers delete $name
done
upstream_left() {
	[ -z "$(vm sh -c 'ps -e -o args | grep -E "[c]ontainerd-shim-kata|[q]emu.bin|[v]irtiofsd"
		find /run/vc/sbs /run/kata -mindepth 1 2>/dev/null; true' | tee /dev/stderr)" ]
}
eventually 60 "everything to go" upstream_left
vm mount "$disk" /mnt
expect "what the guest wrote on the disk" written "$(vm cat /mnt/new)"
passed
