#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubernetes.sh - the machine of testing.sh as a node of a cluster: a container engine and the kubelet are services
# of its systemd.  Sourced by tests/it/*.sh, which name the ENGINE first: 1 (Debian's containerd 1.6), 2 (2.4) or
# crio (KATA_TEST_CRIO).
#
# The control plane is that of tests/cluster; a rule of nftables stands for its Service of the API server.
# shellcheck disable=SC2034,SC2154 # some names are for the tests only; engine is the test's
# shellcheck source-path=SCRIPTDIR source=testing.sh
. "$(dirname "${BASH_SOURCE[0]}")/testing.sh"
export KATA_CLUSTER=vm$$
here=$top/tests/cluster
# shellcheck source-path=SCRIPTDIR/../cluster source=common.sh
. "$here/common.sh"
# shellcheck source-path=SCRIPTDIR/../cluster source=node.sh
. "$here/node.sh"
# shellcheck source-path=SCRIPTDIR source=crio.sh
[ "$engine" != crio ] || . "$(dirname "${BASH_SOURCE[0]}")/crio.sh"

name=v1 address=$(node_ip v1) image=localhost/kata-deploy
dist=${KATA_DIST_DIR:-$top/build/dist}
[ -f "$dist/kata-deploy-image.tar" ] || skip "no $dist/kata-deploy-image.tar; './dev package' makes it"
case $engine in
crio) engine_socket=/run/crio/crio.sock engine_unit=crio engine_dir=/etc/crio ;;
*) engine_socket=/run/containerd/containerd.sock engine_unit=containerd engine_dir=/etc/containerd ;;
esac

k() { "$here/cluster" kubectl "$@"; }
system() { k -n kata-system "$@"; }

bring_containerd() { # FOLDER
	local service=$1/etc/systemd/system/containerd.service.d
	fill_in "containerd-$engine.toml" $name | sed 's/SystemdCgroup = .*/SystemdCgroup = true/' \
		>"$1/etc/containerd/config.toml"
	[ "$engine" != 1 ] || return 0
	# The newer one, in the service of the older one's package.
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
	mkdir -p "$work/images" "$to"/{images,www,kubernetes,pki,etc/containerd,etc/cni/net.d,etc/systemd/system}
	mkdir -p "$to/etc/kata-containers/kata-qemu/config.d"
	# A guest of an emulated machine starts late: its pod takes some 40 s, and more on a slower machine.
	printf '[agent.kata]\ndial_timeout = 200\n' >"$to/etc/kata-containers/kata-qemu/config.d/late.toml"
	cp "$("$top/packaging/artefact" test-images)"/*.tar "$dist/kata-deploy-image.tar" "$work/images/"
	head -c 3000000 /dev/zero >"$to/www/file"
	cp "$(readlink -f "$state/kubernetes/kubelet")" "$to/kubernetes/kubelet"
	"$here/pki.sh" node "$state/pki" $name "$address"
	cp "$state"/pki/{ca.crt,kubelet-$name.crt,kubelet-$name.key,node-$name.kubeconfig} "$to/pki/"
	fill_in kubelet.yaml $name | sed -e 's/^cgroupDriver: .*/cgroupDriver: systemd/' \
		-e "s#^containerRuntimeEndpoint: .*#containerRuntimeEndpoint: unix://$engine_socket#" >"$to/etc/kubelet.yaml"
	fill_in cni.conflist $name >"$to/etc/cni/net.d/10-pods.conflist"
	if [ "$engine" = crio ]; then
		bring_crio "$to"
	else
		bring_containerd "$to"
		cp "$work/images"/*.tar "$to/images/"
	fi
	cat >"$to/etc/systemd/system/kubelet.service" <<-END
		[Unit]
		After=$engine_unit.service
		[Service]
		ExecStart=/node/kubernetes/kubelet --config=/etc/kubelet.yaml --hostname-override=$name \\
			--kubeconfig=/node/pki/node-$name.kubeconfig --node-ip=$address --v=2
		Restart=always
	END
}

# What no disk has, so after each boot.
start_network() {
	vm sh -euc "
		sysctl -qw net.ipv4.ip_forward=1
		nft add table ip service
		nft add chain ip service prerouting '{ type nat hook prerouting priority dstnat; }'
		nft add rule ip service prerouting ip daddr 10.96.0.1 tcp dport 443 dnat to $bridge_ip:6443"
}

start_node() {
	start_network
	vm sh -euc "
		cp -r /node/etc/. /etc/
		: >/etc/resolv.conf
		systemctl daemon-reload
		[ $engine_unit = containerd ] || systemctl stop containerd
		systemctl restart $engine_unit
		systemctl start kubelet
		PATH=/node/containerd:\$PATH
		for image in /node/images/*.tar; do
			[ ! -e \$image ] || ctr -n k8s.io images import \$image >/dev/null
		done"
}

node_is_ready() { k wait --for=condition=Ready node/$name --timeout=1s; }
configuration() { vm sh -c "cd $engine_dir && find . -type f -exec sha256sum {} + | sort"; }
main_pid() { vm systemctl show -P MainPID $engine_unit; }
label() { k get node $name -o 'jsonpath={.metadata.labels.katacontainers\.io/kata-runtime}'; }
is_labelled() { [ "$(label)" = true ]; }
condition() { k get node $name -o "jsonpath={.status.conditions[?(@.type==\"KataReady\")].$1}"; }
said() { system logs -l app=kata-deploy --tail=200; }
show() { [ "${ending:-}" = well ] || { k get pods -A -o wide; said; k get events -A | tail -n 20; } || true; }

# up FUNCTION... - the cluster and its one node, Ready when this returns.  Functions put more into $work/node.
up() {
	local more
	cleanup "$here/cluster" down
	"$here/cluster" up
	bring
	for more; do
		"$more"
	done
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
}

# begin_pod NAME - a pod of RuntimeClass kata, Ready when this returns; stdin has more of its container's keys.
begin_pod() {
	local more
	more=$(cat)
	k create -f - >/dev/null <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec:
		  runtimeClassName: kata
		  containers:
		  - name: c
		    image: "kata.test/busybox:1"
		    command: [sleep, "100000"]
		    $more
	END
	k wait --for=condition=Ready "pod/$1" --timeout=300s >/dev/null || {
		k describe pod "$1"
		fail "no pod runs"
	}
	[ "$(k exec "$1" -- uname -r)" != "$(vm uname -r)" ] || fail "the container runs on the host's kernel"
}
