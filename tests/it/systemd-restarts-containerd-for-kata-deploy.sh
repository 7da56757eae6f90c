#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
# place: machine
# tier: full
# variants: CONTAINERD=1 CONTAINERD=2
#
# On a node with systemd the DaemonSet's pod, which has no capability, restarts containerd through
# systemd's own socket.  In the longer variant, of containerd 2, a restart that systemd reports as failed is taken back
# first, and once the cause is gone kata-deploy installs by itself.  Then a pod of RuntimeClass kata runs on KVM in the cgroup that
# the kubelet and systemd made, its limits bound its VM, the kernel's vsock and network serve it, and nothing
# of it is left when it is deleted.
#
# The node is a machine of its own, with containerd (Debian's 1.6, or 2.4) and the kubelet as services.
engine=${CONTAINERD:-1}
. "$(dirname "$0")/../vm/kubernetes.sh"

has_failed() {
	k get events -n default --field-selector reason=KataInstallFailed \
		-o 'jsonpath={.items[*].note}{.items[*].message}' |
		grep "restarting 'containerd.service': the job ended as 'failed'"
}
# The next attempt boots a sandbox before it comes to containerd: there is time to see this state.
is_taken_back() {
	vm systemctl is-active --quiet containerd && [ "$(configuration)" = "$before" ] && [ "$(label)" != true ]
}
begin_installation() {
	# The command for a node without systemd must not be needed.
	k kustomize "$top/manifests" | sed 's#value: systemctl restart containerd#value: /bin/false#' |
		k apply -f - >/dev/null
}

fail_once() {
	note "a restart that fails is taken back"
	vm sh -euc 'mkdir -p /etc/systemd/system/containerd.service.d
		printf "[Service]\nExecStartPre=/bin/sh -c \"! grep -rqs kata-qemu /etc/containerd\"\n" \
			>/etc/systemd/system/containerd.service.d/refuse.conf
		systemctl daemon-reload'
	begin_installation
	eventually 300 "the failure to be told" has_failed
	note "it failed"
	eventually 60 "the old configuration, in use" is_taken_back
	[ "$(main_pid)" != "$pid" ] || fail "containerd was not restarted"
	note "the next run installs"
	vm sh -euc 'rm /etc/systemd/system/containerd.service.d/refuse.conf; systemctl daemon-reload'
}

up
expect_match "its containerd" "^containerd://v?$engine\." "$(k get node $name -o 'jsonpath={.status.nodeInfo.containerRuntimeVersion}')"
before=$(configuration) pid=$(main_pid)

if [ "$engine" = 1 ]; then
	begin_installation
else
	fail_once
fi
eventually 600 "the label" is_labelled
note "installed"
expect "capabilities of the pod" 0000000000000000 \
	"$(vm sh -c 'sed -n "s/^CapEff:\s*//p" /proc/$(pidof -s kata-deploy)/status')"
[ "$(main_pid)" != "$pid" ] || fail "containerd was not restarted"
[ "$engine" = 1 ] || expect_match "what kata-deploy said" 'undoing: configure the container runtime' "$(said)"
vm grep -rqs kata-qemu /etc/containerd || fail "containerd is not configured"

note "a pod"
begin_pod box <<<"resources: {limits: {memory: 128Mi, cpu: 1500m}}"
group=$(vm sh -c 'sed s/^0::// /proc/$(pidof qemu-system-x86_64)/cgroup')
note "cgroup of the VM: $group"
expect_match "cgroup of the VM" '^/kubepods\.slice/kubepods-pod.*\.slice/kata_.*/vm$' "$group"
slice=${group%/kata_*}
overhead() { k get runtimeclass kata -o "jsonpath={.overhead.podFixed.$1}"; }
mebibytes=$(overhead memory) millis=$(overhead cpu)
expect "limits of the pod's cgroup" "$(((128 + ${mebibytes%Mi}) << 20)) $(((1500 + ${millis%m}) * 100)) 100000" \
	"$(vm sh -c "cd /sys/fs/cgroup$slice && cat memory.max cpu.max" | tr '\n' ' ' | sed 's/ $//')"
expect_vhost
vm busybox httpd -p 8099 -h /node/www
expect "bytes received" 3000000 "$(k exec box -- sh -c "wget -q -O - http://$address:8099/file | wc -c" | tr -d ' ')"
expect_status 7 k exec box -- sh -c 'exit 7'

note "it is deleted"
k delete pod box --grace-period=1 --timeout=60s >/dev/null
eventually 60 "everything to go" vm_left
passed
