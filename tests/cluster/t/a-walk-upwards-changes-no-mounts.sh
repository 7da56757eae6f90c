#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
#
# Whatever a container walks, its mounts stay as they are: ".." at the root and at the root of each kind of volume, through links, by
# `cd ..`, in the first process, in an exec and in a second container; and a first look into a volume makes no file system of it.  A
# volume is one file system in both containers, a mount of the node's below a hostPath is seen in both.
# twin: runc
. "$(dirname "$0")/../testing.sh"

walked=(/ /disk /memory /part /memory-part /config /secret /all /api /host /host/nested /var/run/secrets/kubernetes.io/serviceaccount)
mkdir -p "$node_root/srv/$namespace/nested" "$node_root/srv/$namespace/sub"
cleanup rm -rf "$node_root/srv/$namespace"
on_node mount -t tmpfs nested "/srv/$namespace/nested"
cleanup on_node umount -l "/srv/$namespace/nested"
on_node touch "/srv/$namespace/nested/of-the-node"
k create configmap settings --from-literal=colour=red >/dev/null
k create secret generic password --from-literal=word=open >/dev/null

# The first process writes what it sees before and after its walk into its log.
walk="for v in ${walked[*]}; do ls \$v/.. \$v/../.. \$v/../proc /up\$v/up/../dev; (cd \$v && cd .. && cd .. && ls . ../tmp); cat \$v/../etc/hosts; done >/dev/null 2>&1"
links="for v in ${walked[*]}; do mkdir -p /up\$v; ln -s \$v/.. /up\$v/up; done; ln -s ../usr/.. /tmp/up; ln -s ../../etc /tmp/run"
body="    command:
    - sh
    - -c
    - |
      cat /proc/self/mountinfo > /tmp/before; $links
      $walk; ls /tmp/up/proc /tmp/run/.. /usr/.. /dev/../sys > /dev/null
      cat /proc/self/mountinfo > /tmp/after; cmp /tmp/before /tmp/after && echo same || diff /tmp/before /tmp/after
      ls /proc | grep -cx self
      exec sleep 100000
    volumeMounts:
    - {name: disk, mountPath: /disk}
    - {name: memory, mountPath: /memory}
    - {name: disk, mountPath: /part, subPath: a/b}
    - {name: memory, mountPath: /memory-part, subPath: a/b}
    - {name: config, mountPath: /config}
    - {name: secret, mountPath: /secret}
    - {name: all, mountPath: /all}
    - {name: api, mountPath: /api}
    - {name: host, mountPath: /host}
    - {name: host, mountPath: /host-sub, subPath: sub}"
pod walker <<END
containers:
  - name: c
    image: "$image"
$body
  - name: d
    image: "$image"
$body
volumes:
- {name: disk, emptyDir: {}}
- {name: memory, emptyDir: {medium: Memory}}
- {name: config, configMap: {name: settings}}
- {name: secret, secret: {secretName: password}}
- {name: all, projected: {sources: [{configMap: {name: settings}}, {secret: {name: password}}]}}
- {name: api, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
- {name: host, hostPath: {path: /srv/$namespace}}
END
ready walker
both() { # COMMAND... - the output in both containers.
	k exec walker -c c -- "$@"
	k exec walker -c d -- "$@"
}
walked_first() { [ "$(k logs walker -c "$1" | wc -l)" -ge 2 ]; }
for name in c d; do
	eventually 30 "the first process' walk in $name" walked_first $name
	expect "mounts of the first process of $name, and its /proc" "same 1 " "$(k logs walker -c $name | tr '\n' ' ')"
done

# In an exec: `fresh` walks what nobody has walked yet, then everything once more.
before=$(both cat /proc/self/mountinfo)
both sh -c "$walk; ls /disk /host /host/nested /host-sub /config/..data /part/.. >/dev/null; touch /disk/x /host/x /memory/x" >/dev/null
expect "mounts after the walk of an exec" "$before" "$(both cat /proc/self/mountinfo)"
expect "roots" $'1\n1' "$(both sh -c 'awk "\$5 == \"/\"" /proc/self/mountinfo | wc -l')"
expect "the token" "2" "$(both cat /var/run/secrets/kubernetes.io/serviceaccount/namespace | grep -o "$namespace" | wc -l)"
expect "the node's nested mount" $'of-the-node\nof-the-node' "$(both ls /host/nested)"

# One volume is one file system, before anybody looks into it and after.
if [ "$runtime_class" != runc ]; then
	for volume in /disk /memory /host /host/nested; do
		expect "file systems of $volume" 1 "$(both sh -c "stat -c %d $volume; touch $volume/new; stat -c %d $volume $volume/new" | sort -u | wc -l)"
	done
fi
k exec walker -c c -- sh -c 'echo one >/disk/shared; echo two >/host/shared'
expect "files of c in d" $'one\ntwo' "$(k exec walker -c d -- cat /disk/shared /host/shared)"
passed
