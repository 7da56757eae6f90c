#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh - `dev demo`: from a built release to a pod in its own VM, shown side by side with the host.  Sourced by dev.
#
# Every step first looks whether its work is already done, so a second run only shows the result.
# The demo's cluster is called "demo" (tests/cluster); nothing of it lies outside its state folder,
# its network namespaces and its cgroups.
# shellcheck disable=SC2154 # top, cache and the lists of steps come from dev

demo_node=n1
demo_pod=hello
demo_hint="look with './dev kubectl get pods -A' and './dev node n1 tail /var/log/kubelet.log'; './dev demo --down' starts afresh"

demo_steps=(
	"starting Kubernetes | demo_cluster | read the logs in /var/lib/kata-cluster/demo; './dev demo --down' removes what is left"
	"loading the kata-deploy image into the node | demo_kata load $demo_node | $demo_hint"
	"kubectl apply -k manifests/ | demo_kata apply | $demo_hint"
	"waiting until the node is labelled | demo_kata wait $demo_node | './dev kubectl -n kata-system describe pods' and '... logs -l app=kata-deploy' say why it is not"
	"starting a pod with runtimeClassName: kata | demo_start_pod | './dev kubectl describe pod $demo_pod' says why it does not run"
)

demo_cluster_command() { KATA_CLUSTER=demo "$top/tests/cluster/cluster" "$@"; }
demo_kubectl() { demo_cluster_command kubectl "$@"; }
demo_node() { demo_cluster_command node "$@"; }
demo_cluster() { demo_cluster_command up "$demo_node"; }

demo_kata() { KATA_CLUSTER=demo "$top/tests/cluster/kata" "$@"; }

demo_start_pod() {
	demo_kubectl apply -f "$top/packaging/dev/hello.yaml"
	demo_kubectl wait --for=condition=Ready "pod/$demo_pod" --timeout=120s
}

demo_show() {
	echo
	echo "                     this machine              the pod"
	printf 'kernel               %-25s %s\n' "$(uname -r)" "$(demo_kubectl exec "$demo_pod" -- uname -r)"
	printf 'memory               %-25s %s\n' "$(memory_of </proc/meminfo)" \
		"$(demo_kubectl exec "$demo_pod" -- cat /proc/meminfo | memory_of)"
	printf 'processors           %-25s %s\n' "$(nproc)" "$(demo_kubectl exec "$demo_pod" -- nproc)"
	echo
	echo "log of the pod:      $(demo_kubectl logs "$demo_pod" | head -n 1)"
	echo "label of the node:   katacontainers.io/kata-runtime=$(demo_kubectl get node "$demo_node" \
		-o jsonpath='{.metadata.labels.katacontainers\.io/kata-runtime}')"
	echo
	demo_kubectl get runtimeclasses
	echo
	echo "installed on the node:"
	demo_node "$demo_node" sh -c 'ls -ld /opt/kata/current /opt/kata/versions/*; du -sh /opt/kata/versions/* 2>/dev/null; ls -l /opt/kata/current/bin/' | sed 's/^/  /'
	echo
	echo "time of each step:"
	printf '  %s\n' "${step_times[@]}"
	echo
	echo "The cluster stays up. Try:"
	echo "  ./dev kubectl get pods -A -o wide"
	echo "  ./dev kubectl exec -it $demo_pod -- sh"
	echo "  ./dev node $demo_node ps -ef"
	echo "and ./dev demo --down when you are done."
}

memory_of() { awk '/^MemTotal:/ { printf "%d MiB", $2 / 1024 }'; }

demo() {
	case ${1:-} in
	--down)
		demo_cluster_command down
		echo "the demo is gone; the built parts stay in $cache ('./dev clean --all' removes them, too)"
		return
		;;
	'') ;;
	*)
		echo "usage: ./dev demo [--down]" >&2
		exit 2
		;;
	esac
	check_system
	check_toolchains
	set_up_and_run "${guest_steps[@]}" "${cluster_steps[@]}" "${release_steps[@]}" "${demo_steps[@]}"
	demo_show
}
