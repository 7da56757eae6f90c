#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: MINUTES=0
# variants.full: MINUTES=2
# twin: runc
#
# The time of day in a pod is the node's within 10 ms: at its start, after its container, and its VM as a whole, were stopped for a
# while, while its processors work, and minutes later.  No file just written, on any kind of volume, is of the future.
. "$(dirname "$0")/../testing.sh"
require cc

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
cc -static -O1 -o "$node_root/srv/$namespace/clock" "$top/tests/cluster/clock.c"
pod clock <<END
volumes: [{name: host, hostPath: {path: /srv/$namespace}}, {name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory}}]
containers:
- name: c
  image: "$image"
  command: [/host/clock, serve, "7000"]
  volumeMounts: [{name: host, mountPath: /host}, {name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
END
ready clock
ip=$(field clock .status.podIP)
# At most so many microseconds, whichever way; what a measurement may be wrong by is no excuse.
same_time() { # WHEN
	local offset wrong
	read -r offset wrong < <(on_node "/srv/$namespace/clock" ask "$ip" 7000 50) || fail "the clock $1 did not answer"
	note "the clock $1 is $offset us before the node's, give or take $wrong"
	((${offset#-} + wrong < 10000)) || fail "the clock $1 is $offset us before the node's"
}
same_time "at the start"
for folder in /host /disk /memory /tmp; do
	read -r past future < <(in_pod clock /host/clock files "$folder" 20)
	note "files of $folder: at most $past us of the past, $future of the future"
	((future < 10000)) || fail "a file just written in $folder is $future us in the future"
done

container=$(field clock '.status.containerStatuses[0].containerID')
on_node ctr -n k8s.io tasks pause "${container#*//}" 2>/dev/null
sleep 2
on_node ctr -n k8s.io tasks resume "${container#*//}" 2>/dev/null
same_time "after the container was stopped"
if [ "$runtime_class" != runc ]; then
	sandbox=$(on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox" 2>/dev/null)
	vm=$(on_node ps -eo pid,args | awk -v id="$sandbox" '/qemu-system/ && index($0, id) { print $1; exit }')
	on_node kill -STOP "$vm"
	sleep 3
	on_node kill -CONT "$vm"
	same_time "after the VM was stopped"
fi
work() { in_pod clock timeout "$1" sh -c 'while :; do :; done' || true; }
work 5 2>/dev/null &
sleep 3
same_time "at work"
wait $!
for ((i = 1; i <= 3 * ${MINUTES:-0}; i++)); do
	sleep 20
	same_time "$((20 * i)) s later"
done
passed
