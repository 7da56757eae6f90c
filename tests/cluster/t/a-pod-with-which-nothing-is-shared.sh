#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 400
#
# A pod whose handler has shared_fs = "none" and the snapshotter blockfile (containerd 2): no virtiofsd; token, hosts, DNS, an emptyDir
# that two containers share; a configMap, a secret and a projected volume, an update of which is an event; the message of a container
# that has ended, also when it is restarted; a hostPath that may be written is refused with the reason, one for reading is there.
. "$(dirname "$0")/../testing.sh"
[ "$(on_node sh -c 'containerd --version' | sed 's/.* v\?\([0-9]\)\..*/\1/')" = 2 ] || skip "containerd 1.6 has no snapshotter of a handler"
[ "$runtime_class" != runc ] || skip "with runc everything is shared"
require mkfs.ext4

handler=$runtime_class-unshared
conf=$node_root/etc/containerd/conf.d/zz-unshared.toml
snapshots() { on_node ctr -n k8s.io snapshots --snapshotter blockfile "$@" 2>/dev/null; }
no_snapshots() {
	local name
	for name in $(snapshots ls | awk 'NR > 1 { print $1 }'); do
		snapshots rm "$name" >/dev/null || true
	done
	[ "$(snapshots ls | wc -l)" -le 1 ]
}
as_before() {
	"$cluster" kubectl delete runtimeclass "$handler" --ignore-not-found >/dev/null
	k delete pod --all --wait --timeout=60s >/dev/null 2>&1
	eventually 30 "the snapshots to go" no_snapshots
	rm -f "$conf"
	on_node systemctl restart containerd
	rm -rf "$node_root/var/lib/disks" "$node_root/etc/kata-containers/unshared" "$node_root/var/lib/given"
}
cleanup as_before
mkdir "$node_root/var/lib/disks" "$node_root/var/lib/given"
echo given >"$node_root/var/lib/given/file"
truncate -s 64M "$node_root/var/lib/disks/empty"
mkfs.ext4 -q -F "$node_root/var/lib/disks/empty"
class=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')
runtime=$(grep -rh -A 9 "containerd.runtimes.*$class\]" "$node_root/etc/containerd/conf.d" | sed '1d;/^\[/,$d;/^$/d')
given=/etc/kata-containers/$class/configuration-qemu.toml
mkdir -p "$node_root/etc/kata-containers"
on_node cp -rL "${given%/*}" /etc/kata-containers/unshared
mkdir -p "$node_root/etc/kata-containers/unshared/config.d"
printf '[hypervisor.qemu]\nshared_fs = "none"\n' >"$node_root/etc/kata-containers/unshared/config.d/99-unshared.toml"
cat >"$conf" <<END
version = 3
[plugins."io.containerd.snapshotter.v1.blockfile"]
root_path = "/var/lib/disks/snapshots"
scratch_file = "/var/lib/disks/empty"
fs_type = "ext4"
mount_options = []
recreate_scratch = false
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.$handler]
$runtime
snapshotter = "blockfile"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.$handler.options]
ConfigPath = "/etc/kata-containers/unshared/${given##*/}"
END
on_node systemctl restart containerd
"$cluster" kubectl create -f - >/dev/null <<END
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: $handler}
handler: $handler
END

k create configmap settings --from-literal=color=red --from-literal=goes=old >/dev/null
k create secret generic password --from-literal=word=first >/dev/null
cc -static -O1 -o "$node_root/var/lib/given/meet" "$top/tests/cluster/meet.c"
pod unshared "$handler" <<END
securityContext: {fsGroup: 4321}
containers:
- name: c
  image: "$image"
  command: [sh, -c, "until [ -e /v/end ]; do sleep 0.2; done; echo ended once >/dev/termination-log; rm /v/end; exit 1"]
  volumeMounts: [{name: v, mountPath: /v}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts:
  - {name: v, mountPath: /v}
  - {name: v, mountPath: /part, subPath: part}
  - {name: memory, mountPath: /memory}
  - {name: settings, mountPath: /settings}
  - {name: settings, mountPath: /one-color, subPath: color}
  - {name: all, mountPath: /all}
  - {name: given, mountPath: /given, readOnly: true}
volumes:
- {name: v, emptyDir: {}}
- {name: memory, emptyDir: {medium: Memory}}
- {name: settings, configMap: {name: settings}}
- {name: given, hostPath: {path: /var/lib/given}}
- name: all
  projected:
    defaultMode: 0440
    sources: [{secret: {name: password, items: [{key: word, path: deep/word}]}}, {configMap: {name: settings}}, {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}]
END
ready unshared 120
in_d() { k exec unshared -c d -- "$@"; }
expect "daemons of virtio-fs" "" "$(on_node pgrep virtiofsd -a | grep "$(k get pod unshared -o 'jsonpath={.metadata.uid}')" || true)"
expect_match "the root" '^/dev/[a-z0-9]+ / ext4 rw' "$(in_d grep ' / ' /proc/mounts)"
expect_match "the token" '^eyJ' "$(in_d cat /var/run/secrets/kubernetes.io/serviceaccount/token)"
expect_match "hosts" 'unshared' "$(in_d cat /etc/hosts)"
expect_match "DNS" 'nameserver' "$(in_d cat /etc/resolv.conf)"
expect "small volumes" "red old red first red 440 4321" "$(in_d sh -c 'cd /settings; echo $(for f in color goes /one-color /all/deep/word /all/color; do cat $f; echo; done; stat -Lc "%a %g" /all/deep/word)')"
expect "labels" 'app="unshared"' "$(in_d cat /all/labels)"
expect "a hostPath for reading" given "$(in_d cat /given/file)"
k exec unshared -c c -- sh -c 'echo hello >/v/file; mkdir -p /v/part; echo part >/v/part/file'
expect "the emptyDir, its part and one in memory" "hello part 4321 4321" "$(in_d sh -c 'echo x >/memory/x; echo $(cat /v/file /part/file; stat -c %g /v /memory)')"

in_d sh -c '/given/meet watch /settings >/tmp/seen 2>&1 & /given/meet watch /all >/tmp/seen-all 2>&1 & sleep 0.5' >/dev/null 2>&1
k create configmap settings --from-literal=color=green --from-literal=comes=new --dry-run=client -o yaml | k replace -f - >/dev/null
updated() { [ "$(in_d sh -c 'cd /settings; echo $(for f in color comes /one-color /all/color; do cat $f; echo; done; ls; cat /tmp/seen /tmp/seen-all)')" = "green new red green color comes event of ..data event of ..data" ]; }
eventually 120 "the update with its events" updated

k exec unshared -c c -- touch /v/end
restarted() { [ "$(field unshared '.status.containerStatuses[?(@.name=="c")].restartCount')" = 1 ]; }
eventually 60 "container c to be started again" restarted
expect "the message of its end" "ended once" "$(field unshared '.status.containerStatuses[?(@.name=="c")].lastState.terminated.message' | sed '/^$/d')"
expect "the emptyDir after that" hello "$(k exec unshared -c c -- cat /v/file)"

pod refused "$handler" <<END
containers: [{name: c, image: "$image", command: [sleep, "100000"], volumeMounts: [{name: given, mountPath: /given}]}]
volumes: [{name: given, hostPath: {path: /var/lib/given}}]
END
says_why() { k get events --field-selector involvedObject.name=refused -o 'jsonpath={.items[*].message}' | grep -q "would not reach the host"; }
eventually 60 "the reason in the events" says_why
k delete pod refused unshared --wait --timeout=60s >/dev/null
passed
