#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
# place: machine
# variants: CONTAINERD=1
# variants.full: CONTAINERD=2
#
# On a node with systemd the DaemonSet's pod, which has no capability, restarts containerd through
# systemd's own socket.  In the longer variant, of containerd 2, a restart that systemd reports as failed is taken back
# first, and once the cause is gone kata-deploy installs by itself.  Then a pod of RuntimeClass kata runs on KVM in the cgroup that
# the kubelet and systemd made, its limits bound its VM, the kernel's vsock and network serve it, and nothing
# of it is left when it is deleted.
#
# The node is a machine of its own, with containerd (Debian's 1.6, or 2.4) and the kubelet as services; the
# control plane is that of tests/cluster, and a rule of nftables stands for its Service of the API server.
. "$(dirname "$0")/../vm/testing.sh"
export KATA_CLUSTER=systemd$$
here=$top/tests/cluster
# shellcheck source-path=SCRIPTDIR/../cluster source=common.sh
. "$here/common.sh"
# shellcheck source-path=SCRIPTDIR/../cluster source=node.sh
. "$here/node.sh"

name=v1 address=$(node_ip v1) engine=${CONTAINERD:-1}
dist=${KATA_DIST_DIR:-$top/build/dist}
[ -f "$dist/kata-deploy-image.tar" ] || skip "no $dist/kata-deploy-image.tar; './dev package' makes it"

k() { "$here/cluster" kubectl "$@"; }
system() { k -n kata-system "$@"; }

# The newer containerd, in the service of the older one's package.
bring_containerd() { # FOLDER
	local service=$1/etc/systemd/system/containerd.service.d
	mkdir -p "$service" "$1/containerd"
	cp "$("$top/packaging/artefact" containerd)"/* "$1/containerd/"
	cat >"$service/newer.conf" <<-END
		[Service]
		Environment=PATH=/node/containerd:/usr/sbin:/usr/bin:/sbin:/bin
		ExecStart=
		ExecStart=/node/containerd/containerd
	END
}

# What lies on the node's second disk: /node/etc becomes part of /etc.
bring() {
	local to=$work/node
	mkdir -p "$to"/{images,www,kubernetes,pki,etc/containerd,etc/cni/net.d,etc/systemd/system}
	mkdir -p "$to/etc/kata-containers/kata-qemu/config.d"
	# A guest of an emulated machine starts late: its pod takes some 40 s, and more on a slower machine.
	printf '[agent.kata]\ndial_timeout = 200\n' >"$to/etc/kata-containers/kata-qemu/config.d/late.toml"
	cp "$("$top/packaging/artefact" test-images)"/*.tar "$dist/kata-deploy-image.tar" "$to/images/"
	head -c 3000000 /dev/zero >"$to/www/file"
	cp "$(readlink -f "$state/kubernetes/kubelet")" "$to/kubernetes/kubelet"
	"$here/pki.sh" node "$state/pki" $name "$address"
	cp "$state"/pki/{ca.crt,kubelet-$name.crt,kubelet-$name.key,node-$name.kubeconfig} "$to/pki/"
	fill_in kubelet.yaml $name | sed 's/^cgroupDriver: .*/cgroupDriver: systemd/' >"$to/etc/kubelet.yaml"
	fill_in "containerd-$engine.toml" $name | sed 's/SystemdCgroup = .*/SystemdCgroup = true/' \
		>"$to/etc/containerd/config.toml"
	[ "$engine" = 1 ] || bring_containerd "$to"
	fill_in cni.conflist $name >"$to/etc/cni/net.d/10-pods.conflist"
	cat >"$to/etc/systemd/system/kubelet.service" <<-END
		[Unit]
		After=containerd.service
		[Service]
		ExecStart=/node/kubernetes/kubelet --config=/etc/kubelet.yaml --hostname-override=$name \\
			--kubeconfig=/node/pki/node-$name.kubeconfig --node-ip=$address
		Restart=always
	END
}

start_node() {
	vm sh -euc "
		cp -r /node/etc/. /etc/
		: >/etc/resolv.conf
		sysctl -qw net.ipv4.ip_forward=1
		nft add table ip service
		nft add chain ip service prerouting '{ type nat hook prerouting priority dstnat; }'
		nft add rule ip service prerouting ip daddr 10.96.0.1 tcp dport 443 dnat to $bridge_ip:6443
		systemctl daemon-reload
		systemctl restart containerd
		systemctl start kubelet
		PATH=/node/containerd:\$PATH
		for image in /node/images/*.tar; do
			ctr -n k8s.io images import \$image >/dev/null
		done"
}

node_is_ready() { k wait --for=condition=Ready node/$name --timeout=1s; }
configuration() { vm sh -c 'cd /etc/containerd && find . -type f -exec sha256sum {} + | sort'; }
main_pid() { vm systemctl show -P MainPID containerd; }
label() { k get node $name -o 'jsonpath={.metadata.labels.katacontainers\.io/kata-runtime}'; }
is_labelled() { [ "$(label)" = true ]; }
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

said() { system logs -l app=kata-deploy --tail=200; }
show() { [ "${ending:-}" = well ] || { k get pods -A -o wide; said; k get events -A | tail -n 20; } || true; }

cleanup "$here/cluster" down
"$here/cluster" up
bring
make_node_disk "$work/node"
boot_vm $name "$netns" "$address/24" "$bridge_ip"
ip -n "$netns" link set vm-$name master fabric
ip -n "$netns" route add "$pod_net.$(node_index $name).0/24" via "$address" dev fabric onlink
wait_vm
note "the machine answered after $vm_took s"
start_node
cleanup show
eventually 180 "the node to be Ready" node_is_ready
note "the node is Ready"
expect_match "its containerd" "^containerd://v?$engine\." "$(k get node $name -o 'jsonpath={.status.nodeInfo.containerRuntimeVersion}')"
before=$(configuration) pid=$(main_pid)

if [ "$engine" = 1 ]; then
	begin_installation
else
	fail_once
fi
eventually 300 "the label" is_labelled
note "installed"
expect "capabilities of the pod" 0000000000000000 \
	"$(vm sh -c 'sed -n "s/^CapEff:\s*//p" /proc/$(pidof -s kata-deploy)/status')"
[ "$(main_pid)" != "$pid" ] || fail "containerd was not restarted"
[ "$engine" = 1 ] || expect_match "what kata-deploy said" 'undoing: configure the container runtime' "$(said)"
vm grep -rqs kata-qemu /etc/containerd || fail "containerd is not configured"

note "a pod"
k create -f - >/dev/null <<-END
	apiVersion: v1
	kind: Pod
	metadata: {name: box}
	spec:
	  runtimeClassName: kata
	  containers:
	  - name: c
	    image: "kata.test/busybox:1"
	    command: [sleep, "100000"]
	    resources: {limits: {memory: 128Mi, cpu: 1500m}}
END
k wait --for=condition=Ready pod/box --timeout=300s >/dev/null || {
	k describe pod box
	fail "no pod runs"
}
[ "$(k exec box -- uname -r)" != "$(vm uname -r)" ] || fail "the container runs on the host's kernel"
group=$(vm sh -c 'sed s/^0::// /proc/$(pidof qemu-system-x86_64)/cgroup')
note "cgroup of the VM: $group"
expect_match "cgroup of the VM" '^/kubepods\.slice/kubepods-pod.*\.slice/kata_' "$group"
overhead() { k get runtimeclass kata -o "jsonpath={.overhead.podFixed.$1}"; }
mebibytes=$(overhead memory) millis=$(overhead cpu)
expect "limits of the pod's cgroup" "$(((128 + ${mebibytes%Mi}) << 20)) $(((1500 + ${millis%m}) * 100)) 100000" \
	"$(vm sh -c "cd /sys/fs/cgroup${group%/*} && cat memory.max cpu.max" | tr '\n' ' ' | sed 's/ $//')"
expect_vhost
vm busybox httpd -p 8099 -h /node/www
expect "bytes received" 3000000 "$(k exec box -- sh -c "wget -q -O - http://$address:8099/file | wc -c" | tr -d ' ')"
expect_status 7 k exec box -- sh -c 'exit 7'

note "it is deleted"
k delete pod box --grace-period=1 --timeout=60s >/dev/null
eventually 60 "everything to go" vm_left
passed
