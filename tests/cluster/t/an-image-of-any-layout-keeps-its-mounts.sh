#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# variants: LAYOUT=links
# variants.full: LAYOUT=debian LAYOUT=fedora LAYOUT=alpine
# twin: runc
#
# Whatever links an image's folders are made of, the way to the service account's token, to programs, libraries
# and volumes is there for the first process, a later exec and a second container; and nothing they walk, up through
# a link or a volume's root, changes the mounts of a container.
. "$(dirname "$0")/../testing.sh"
layout=${LAYOUT:-links}
[ "$layout" = links ] || need_image test-layouts "$layout"

k create secret generic door --from-literal=key=sesame >/dev/null
k create configmap app --from-file=walk=/dev/stdin >/dev/null <<'END'
set -e
token=/var/run/secrets/kubernetes.io/serviceaccount
before=$(cat /proc/self/mountinfo)
for folder in / /usr /etc /tmp /proc /dev /var/run $token /disk /disk/sub /memory /host /etc/app /run/door; do
	ls "$folder/.." >/dev/null
	cd "$folder"
	cd ..
	ls >/dev/null
	cd "$folder"
	cd -P ..
	test "$(cat "$folder/../etc/hostname" "$folder/../../etc/hostname" "/etc/hostname" 2>/dev/null | head -n 1)" = "$HOSTNAME"
done
test -e /tmp/../proc/self/status
test -c /disk/../dev/null
test -s /var/run/../etc/resolv.conf
test -d /usr/../proc/self
grep ID= /etc/os-release
[ ! -e /usr/lib/app/bin/hello ] || /usr/lib/app/bin/hello
[ ! -e /usr/bin/curl ] || curl -s --cacert $token/ca.crt -H "Authorization: Bearer $(cat $token/token)" \
	"https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api" | grep -o APIVersions
cat /run/door/key /disk/sub/file /memory/file /host/file
echo
test "$(cat /proc/self/mountinfo)" = "$before" && echo "mounts as before"
END
mkdir -p "$node_root/var/lib/$namespace"
cleanup rm -rf "$node_root/var/lib/$namespace"
echo -n host >"$node_root/var/lib/$namespace/file"

mounts="[{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}, {name: host, mountPath: /host},
    {name: app, mountPath: /etc/app}, {name: door, mountPath: /run/door}]"
pod walker <<END
containers:
- name: c
  image: "kata.test/$layout:1"
  command: [/bin/sh, -c, "mkdir /disk/sub; echo -n disk >/disk/sub/file; echo -n memory >/memory/file;
    sh /etc/app/walk 2>&1; exec sleep 100000"]
  volumeMounts: $mounts
- name: d
  image: "kata.test/$layout:1"
  command: [/bin/sh, -c, "until [ -e /memory/file ]; do sleep 0.1; done; sh /etc/app/walk 2>&1; exec sleep 100000"]
  volumeMounts: $mounts
volumes:
- {name: disk, emptyDir: {}}
- {name: memory, emptyDir: {medium: Memory}}
- {name: host, hostPath: {path: /var/lib/$namespace}}
- {name: app, configMap: {name: app}}
- {name: door, secret: {secretName: door}}
END
ready walker 120

wanted="ID=$layout"
[ "$layout" = links ] || wanted+=$'\n'"found by its loader"
[ "$layout" = links ] || [ "$layout" = alpine ] || wanted+=$'\n'APIVersions
wanted+=$'\nsesamediskmemoryhost\nmounts as before'
walked() { # CONTAINER
	[ "$(k logs walker -c "$1" | tail -n 1)" = "mounts as before" ]
}
for container in c d; do
	eventually 180 "the first process of container $container to have walked" walked "$container"
	expect "the first process of container $container" "$wanted" "$(k logs walker -c "$container")"
	expect "an exec in container $container" "$wanted" "$(k exec walker -c "$container" -- sh /etc/app/walk 2>&1)"
done

note "the token is this pod's, and the API server takes it"
token=$(in_pod walker cat /var/run/secrets/kubernetes.io/serviceaccount/token)
expect "whom the API server takes it for" "system:serviceaccount:$namespace:default" \
	"$(k create -o jsonpath='{.status.user.username}' -f - <<-END
		{apiVersion: authentication.k8s.io/v1, kind: TokenReview, spec: {token: "$token"}}
	END
	)"

note "a file that one container writes after the walks is the other's"
in_pod walker sh -c 'echo later >/disk/sub/later; cd /disk/sub; cd ..; echo later >/memory/later'
expect "files of the other container" $'later\nlater' "$(k exec walker -c d -- cat /disk/sub/../sub/later /memory/later)"
passed
