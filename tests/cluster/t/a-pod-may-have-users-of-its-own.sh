#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# hostUsers: false.  The handler says that it can; root in the pod is nobody on the node and in the guest, owns what
# it makes in every kind of volume, and two containers and a later process have the same users.  What it was given
# to do with its network, its host name and its mounts it may do.  (The node's runc is too old for a twin.)
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "runc of Debian 12 has no mapped mounts"
[ "$(cat "$node_root/../containerd")" != 1 ] || skip "containerd 1 has no pods with users of their own"

expect "the handler" true "$("$cluster" kubectl get node "$node" -o json |
	jq ".status.runtimeHandlers[] | select(.name == \"$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')\") | .features.userNamespaces")"
k create configmap settings --from-literal=key=value >/dev/null
mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
echo "of the node" >"$node_root/srv/$namespace/file"
chmod 0600 "$node_root/srv/$namespace/file"
looks='id -u; for v in /disk /memory /settings /host /token; do stat -c "%n %u" $v/. $v/..data/. 2>/dev/null; done'
pod users <<-END
	hostUsers: false
	volumes:
	- {name: disk, emptyDir: {}}
	- {name: memory, emptyDir: {medium: Memory}}
	- {name: settings, configMap: {name: settings}}
	- {name: host, hostPath: {path: /srv/$namespace}}
	- {name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}
	containers:
	- name: c
	  image: "$image"
	  command: [sh, -c, 'touch /disk/c /memory/c /host/c /tmp/c && sleep 100000']
	  securityContext: {capabilities: {add: [NET_ADMIN, SYS_ADMIN]}}
	  volumeMounts: &mounts
	  - {name: disk, mountPath: /disk}
	  - {name: disk, mountPath: /part, subPath: part}
	  - {name: memory, mountPath: /memory}
	  - {name: settings, mountPath: /settings}
	  - {name: host, mountPath: /host}
	  - {name: token, mountPath: /token}
	- {name: d, image: "$image", command: [sh, -c, 'httpd -p 80 -h /disk && sleep 100000'], volumeMounts: *mounts}
END
ready users 90

read -r _ first n <<<"$(in_pod users cat /proc/self/uid_map)"
note "users from $first, $n of them"
((first >= 65536 && n == 65536)) || fail "the map of users is that of the node"
expect "the map of the other container" "0 $first $n" "$(k exec users -c d -- sh -c 'echo $(cat /proc/self/uid_map)')"
expect "user namespaces" "$(in_pod users readlink /proc/1/ns/user)" "$(k exec users -c d -- readlink /proc/1/ns/user)"
for c in c d; do
	expect "owners as $c sees them" "0
/disk/. 0
/memory/. 0
/settings/. 0
/settings/..data/. 0
/host/. 0
/token/. 0
/token/..data/. 0" "$(k exec users -c $c -- sh -c "$looks")"
done
expect "what both have" "0 0 0 value of the node" \
	"$(k exec users -c d -- sh -c 'echo $(stat -c %u /disk/c /memory/c /host/c) $(cat /settings/key) $(cat /host/file)')"
# The kubelet asks for the owners of volumes to be mapped: files are the node's root's, as without users of their own.
expect "a file on the node" 0 "$(stat -c %u "$node_root/srv/$namespace/c")"
expect "what its capabilities allow" "mounted
address
named
not permitted" "$(in_pod users sh -c 'mkdir /m && mount -t tmpfs t /m && echo mounted; ip addr add 127.1.1.1/32 dev lo && echo address
	hostname x && echo named; date -s 2000-01-01 2>&1 | grep -o "not permitted"')"
expect "a folder of another user" written "$(in_pod users sh -c 'mkdir -p /disk/x && chown 7:7 /disk/x && chmod 755 /disk/x && touch /disk/x/y && echo written')"
# The other container listens below 1024.
echo page >"$work/page"
k exec -i users -c d -- sh -c 'cat >/disk/index.html' <"$work/page"
expect "its network from the node" page "$(on_node timeout 10 busybox wget -qO- "http://$(field users .status.podIP)/")"
expect "its network" "eth0 lo" "$(in_pod users sh -c 'cd /sys/class/net && echo eth0* lo*')"
[ -n "$(in_pod users ip route show default)" ] || fail "no way out of the pod"
passed
