#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pki.sh - keys, certificates and kubeconfigs of a cluster.
#
#   pki.sh cluster DIR            the authority, the API server and the control plane's clients
#   pki.sh node DIR NAME IP       the two pairs of one kubelet
#
# Elliptic keys: the whole set takes under a second.  Valid for a year; nothing outlives its cluster.
set -euo pipefail
umask 077

server=https://10.99.0.1:6443
days=365
server_names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
server_names+=",DNS:kubernetes.default.svc.cluster.local,DNS:localhost"
server_names+=",IP:127.0.0.1,IP:10.99.0.1,IP:10.96.0.1"

# name, subject, for the clients of the control plane
clients=(
	"admin /O=system:masters/CN=admin"
	"apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client"
	"kube-controller-manager /CN=system:kube-controller-manager"
	"kube-scheduler /CN=system:kube-scheduler"
	"kube-proxy /CN=system:kube-proxy"
)

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

authority() {
	new_key ca
	openssl req -x509 -new -key ca.key -subj /CN=kata-cluster-ca -days "$days" -out ca.crt \
		-addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
	openssl genrsa -out sa.key 2048 2>/dev/null
	openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
}

sign() { # NAME SUBJECT EXTENSION...
	local name=$1 subject=$2
	shift 2
	new_key "$name"
	openssl req -new -key "$name.key" -subj "$subject" |
		openssl x509 -req -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" \
			-days "$days" -extfile <(printf '%s\n' "$@") -out "$name.crt" 2>/dev/null
}

kubeconfig() { # NAME
	cat >"$1.kubeconfig" <<-END
		apiVersion: v1
		kind: Config
		current-context: default
		clusters:
		- name: cluster
		  cluster:
		    server: $server
		    certificate-authority-data: $(base64 -w0 ca.crt)
		users:
		- name: user
		  user:
		    client-certificate-data: $(base64 -w0 "$1.crt")
		    client-key-data: $(base64 -w0 "$1.key")
		contexts:
		- name: default
		  context: {cluster: cluster, user: user}
	END
}

make_cluster() {
	local name subject
	authority
	sign apiserver /CN=kube-apiserver extendedKeyUsage=serverAuth "subjectAltName=$server_names"
	for client in "${clients[@]}"; do
		read -r name subject <<<"$client"
		sign "$name" "$subject" extendedKeyUsage=clientAuth
		kubeconfig "$name"
	done
}

make_node() { # NAME IP
	sign "node-$1" "/O=system:nodes/CN=system:node:$1" extendedKeyUsage=clientAuth
	kubeconfig "node-$1"
	sign "kubelet-$1" "/O=system:nodes/CN=system:node:$1" extendedKeyUsage=serverAuth \
		"subjectAltName=DNS:$1,IP:$2"
}

what=$1
mkdir -p "$2"
cd "$2"
shift 2
case $what in
cluster) make_cluster ;;
node) make_node "$@" ;;
*)
	echo "pki.sh: unknown '$what'" >&2
	exit 2
	;;
esac
