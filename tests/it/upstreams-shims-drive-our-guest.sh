#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1500
# place: machine
#
# Upstream's shim in Go, unmodified, runs pods in our guest: streams and exit codes, a megabyte of output whole, a
# terminal, an exec, a configMap whose change is seen, an end that leaves nothing.  Our kata-runtime asks such a sandbox
# for its metrics, and enters it.
. "$(dirname "$0")/../vm/testing.sh"
. "$(dirname "$0")/upstream-parts.sh"

upstream_part SHIM_GO
shim=$part
[ -x "${KATA_TEST_UPSTREAM_QEMU:-}/qemu-system-x86_64" ] || skip "KATA_TEST_UPSTREAM_QEMU names no folder with a QEMU for upstream's shims"
netns=kata-vm$$ image=kata.test/busybox:1 cri=io.kubernetes.cri
mkdir "$work/node"
cp -a "$version_dir" "$work/node/kata"
cp -a "$KATA_TEST_UPSTREAM_QEMU" "$work/node/qemu"
cp "$shim" "$work/node/containerd-shim-kata-v2"
cp "$("$top/packaging/artefact" test-images)/busybox.tar" "$work/node/"
upstream_configuration /node/kata /node/qemu true >"$work/node/configuration.toml"
make_node_disk "$work/node"
cleanup ip netns del $netns
ip netns add $netns
boot_vm vm1 $netns 192.0.2.2/24 192.0.2.1
ip -n $netns addr add 192.0.2.1/24 dev vm-vm1
wait_vm
note "the machine answered after $vm_took s"
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

metrics=$(vm /opt/kata/bin/kata-runtime metrics pod)
for name in 'kata_shim_threads' 'kata_guest_meminfo{item="mem_total"}' 'kata_agent_scrape_count'; do
	grep -qF "$name " <<<"$metrics" || fail "no $name in what kata-runtime metrics says: $(head -c 500 <<<"$metrics")"
done
expect_match "what exec shows of the guest" '/dev/console|kata-agent|init' \
	"$(printf 'ps\nexit\n' | vm timeout 60 /opt/kata/bin/kata-runtime exec pod | tr -d '\r')"
note "our kata-runtime asks and enters"

ends() { [[ $(vm ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }
for name in member pod; do
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
passed
