#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
#
# Huge pages as the kubelet gives them: a volume with medium HugePages that two containers share, and that outlives one that restarts.
# There are as many as the limits say, in a file, anonymous or shared, root or not.
# The node needs huge pages of its own to offer, so it has some for the time of the test, and its kubelet is told.
. "$(dirname "$0")/../testing.sh"
require gcc

pool=/sys/kernel/mm/hugepages/hugepages-2048kB
pages=$pool/nr_hugepages
before=$(($(cat "$pages") - $(cat $pool/surplus_hugepages)))
as_before() {
	echo "$before" >"$pages"
	on_node systemctl restart kubelet
}
end_pod() { k delete pod huge --wait --timeout=60s >/dev/null 2>&1; }
cleanup as_before
cleanup end_pod
echo $((before + 32)) >"$pages"
[ "$(cat "$pages")" = $((before + 32)) ] || skip "this machine has no 32 huge pages"
on_node systemctl restart kubelet
offered() { [ "$("$cluster" kubectl get node "$node" -o 'jsonpath={.status.allocatable.hugepages-2Mi}')" = $(((before + 32) * 2))Mi ]; }
eventually 60 "the node to offer huge pages" offered

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
gcc -static -O2 -o "$node_root/srv/$namespace/hugepages" "$top/tests/it/hugepages.c"
pod huge <<END
containers:
- name: c
  image: "$image"
  command: [sh, -c, "until [ -e /tmp/end ]; do sleep 0.2; done; exit 1"]
  resources: {limits: {hugepages-2Mi: 16Mi, memory: 64Mi}}
  volumeMounts: [{name: huge, mountPath: /huge}, {name: bin, mountPath: /opt}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  securityContext: {runAsUser: 1000}
  resources: {limits: {hugepages-2Mi: 16Mi, memory: 64Mi}}
  volumeMounts: [{name: huge, mountPath: /huge}, {name: bin, mountPath: /opt}]
volumes: [{name: huge, emptyDir: {medium: HugePages}}, {name: bin, hostPath: {path: /srv/$namespace}}]
END
ready huge 120
use() { k exec huge -c "$1" -- sh -c "for w in $2; do /opt/hugepages \$(echo \$w | tr : ' '); done" | paste -sd, || true; }

expect "the volume" hugetlbfs "$(in_pod huge awk '$2 == "/huge" { print $3 }' /proc/mounts)"
expect "what a container can do" "file ok,anon ok,shm ok,memfd ok" "$(use c "file:/huge:8 anon:8 shm:8 memfd:8")"
expect "what the other one can, which is not root" "anon ok,shm ok" "$(use d "anon:16 shm:16")"
expect "the file that it sees" $((8 << 20)) "$(k exec huge -c d -- stat -c %s /huge/pages)"
in_pod huge touch /tmp/end
restarted() { [ "$(field huge '.status.containerStatuses[?(@.name=="c")].restartCount')" = 1 ]; }
eventually 60 "container c to be started again" restarted
ready huge
expect "the file of the volume after the restart" $((8 << 20)) "$(in_pod huge stat -c %s /huge/pages)"
expect "what can be done again" "file ok,anon ok" "$(use c "file:/huge:8 anon:8")"
passed
