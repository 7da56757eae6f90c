#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# control-plane.sh - etcd, API server, controller manager and scheduler of a cluster.  Sourced.
#
# They live in a network namespace of their own, which also holds the bridge that joins the nodes;
# it has no link to the machine's network.  etcd does not wait for the disk: a cluster that is lost
# with its machine is simply made again.
# shellcheck disable=SC2154 # the names come from common.sh and cluster

start_component() { # NAME COMMAND...
	local name=$1
	shift
	setsid ip netns exec "$netns" "$@" >"$state/log/$name.log" 2>&1 </dev/null 9>&- &
	remember "$state/pid/$name" $! || die "$name ended at once; see $state/log/$name.log"
}

start_etcd() {
	mkdir -m 700 "$state/etcd"
	start_component etcd "$kubernetes/etcd" --data-dir "$state/etcd" --unsafe-no-fsync \
		--listen-client-urls http://127.0.0.1:2379 \
		--advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380 \
		--initial-advertise-peer-urls http://127.0.0.1:2380 \
		--initial-cluster default=http://127.0.0.1:2380
}

# Who counts requests reads one file, which would be begun anew after 100 MB.
start_api_server() {
	local pki=$state/pki
	start_component kube-apiserver "$kubernetes/kube-apiserver" \
		--etcd-servers=http://127.0.0.1:2379 \
		--bind-address=0.0.0.0 --advertise-address="$bridge_ip" --secure-port=6443 \
		--tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--client-ca-file="$pki/ca.crt" \
		--service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$pki/sa.pub" \
		--service-account-signing-key-file="$pki/sa.key" \
		--service-cluster-ip-range="$service_net" \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--audit-policy-file="$here/config/audit.yaml" --audit-log-path="$state/log/audit.log" \
		--audit-log-maxsize=100000 \
		--allow-privileged=true --profiling=false \
		--kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" \
		--kubelet-client-key="$pki/apiserver-kubelet-client.key" \
		--kubelet-certificate-authority="$pki/ca.crt" \
		--kubelet-preferred-address-types=InternalIP
}

# The default of 20 requests a second would spend nine seconds on the first service accounts.
start_controller_manager() {
	local pki=$state/pki
	start_component kube-controller-manager "$kubernetes/kube-controller-manager" \
		--kubeconfig="$pki/kube-controller-manager.kubeconfig" --leader-elect=false \
		--use-service-account-credentials --root-ca-file="$pki/ca.crt" \
		--service-account-private-key-file="$pki/sa.key" \
		--cluster-cidr="$pod_net.0.0/16" --allocate-node-cidrs=true --node-cidr-mask-size=24 \
		--service-cluster-ip-range="$service_net" --bind-address=127.0.0.1 \
		--kube-api-qps=500 --kube-api-burst=1000
}

start_scheduler() {
	local pki=$state/pki
	start_component kube-scheduler "$kubernetes/kube-scheduler" \
		--kubeconfig="$pki/kube-scheduler.kubeconfig" --leader-elect=false \
		--bind-address=127.0.0.1 --kube-api-qps=500 --kube-api-burst=1000
}

# They start beside the API server and end when it has not made its roles within 30 s, which it does not on a
# machine with much else to do.
revive_controllers() {
	alive "$state/pid/kube-controller-manager" >/dev/null || start_controller_manager
	alive "$state/pid/kube-scheduler" >/dev/null || start_scheduler
}

# Without br_netfilter an answer within one node goes around the Service that it belongs to.  Both
# are built in, or loaded already, on many machines.
load_modules() {
	command -v modprobe >/dev/null || return 0
	modprobe -qa overlay br_netfilter || true
}

make_network() {
	load_modules
	ip netns add "$netns"
	ip -n "$netns" link set lo up
	ip -n "$netns" link add fabric type bridge
	ip -n "$netns" addr add "$bridge_ip/24" dev fabric
	ip -n "$netns" link set fabric up
	ip netns exec "$netns" sysctl -qw net.ipv4.ip_forward=1
}

api() { # PATH -> the answer; curl, because kubectl is a 160 MB program to start for each poll
	ip netns exec "$netns" curl -sS --max-time 5 --cacert "$state/pki/ca.crt" \
		--cert "$state/pki/admin.crt" --key "$state/pki/admin.key" \
		"https://$bridge_ip:6443$1" 2>/dev/null
}

api_ready() { [ "$(api /readyz)" = ok ]; }

accounts_ready() {
	revive_controllers
	api /api/v1/namespaces/default/serviceaccounts/default | grep -q '"uid"'
}

control_plane_alive() {
	local name
	for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
		alive "$state/pid/$name" >/dev/null || return 1
	done
	api_ready
}

control_plane_up() {
	mkdir -p "$state/log" "$state/pid"
	"$here/pki.sh" cluster "$state/pki"
	make_network
	start_etcd
	start_api_server
	start_controller_manager
	start_scheduler
	wait_for 120 "the API server ($state/log/kube-apiserver.log)" api_ready
	wait_for 120 "the default service account ($state/log/kube-controller-manager.log)" accounts_ready
}

control_plane_down() {
	local name
	for name in kube-scheduler kube-controller-manager kube-apiserver etcd; do
		[ ! -e "$state/pid/$name" ] || end_process "$state/pid/$name"
	done
	[ ! -e "/run/netns/$netns" ] || ip netns del "$netns"
}
