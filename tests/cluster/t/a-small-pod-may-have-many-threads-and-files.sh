#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# A pod of 256 MiB, whose guest began smaller and got the rest by hot-plug, has the usual limits of a host: 6,000
# threads and 10,000 open files.  A file just written is not of the future, nor of the past, by the node's clock: the guest's is within
# 10 ms of it, and the time of a file is up to a tick old, another 10 ms in a guest.
. "$(dirname "$0")/../testing.sh"
require cc

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
cc -static -pthread -O1 -o "$node_root/srv/$namespace/many" "$top/tests/cluster/many.c"
pod many <<-END
	restartPolicy: Never
	volumes: [{name: host, hostPath: {path: /srv/$namespace}}]
	containers:
	- name: c
	  image: "$image"
	  resources: {limits: {memory: 256Mi}}
	  command: [sh, -c, '/host/many 6000 10000; i=0; while [ \$i -lt 20 ]; do touch /host/a; sleep 0.02; touch /tmp/b; [ /tmp/b -ot /host/a ] && echo past; i=\$((i + 1)); done; date +%s >/host/now']
	  volumeMounts: [{name: host, mountPath: /host}]
END
ended many Succeeded 150
expect "what it may have" "6000 threads
10000 files" "$(k logs many)"
now=$(cat "$node_root/srv/$namespace/now") written=$(stat -c %Y "$node_root/srv/$namespace/now")
((now - written >= -1 && now - written <= 1)) || fail "the guest says $now, the node $written"
passed
