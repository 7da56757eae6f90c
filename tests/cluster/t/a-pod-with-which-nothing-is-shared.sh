#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 400
#
# A pod whose handler has shared_fs = "none" and the snapshotter blockfile (containerd 2): no virtiofsd; token, hosts, DNS, an emptyDir
# that two containers share; a configMap, a secret and a projected volume, an update of which is an event; the message of a container
# that has ended, also when it is restarted; a hostPath that may be written is refused with the reason, one for reading is there.
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "with runc everything is shared"
. "$top/tests/cluster/blockfile.sh"

handler=$runtime_class-unshared
class=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')
given=/etc/kata-containers/$class/configuration-qemu.toml
own=/etc/kata-containers/unshared
cleanup rm -rf "$node_root$own" "$node_root/var/lib/given"
mkdir "$node_root/var/lib/given"
echo given >"$node_root/var/lib/given/file"
on_node cp -rL "${given%/*}" "$own"
mkdir -p "$node_root$own/config.d"
printf '[hypervisor.qemu]\nshared_fs = "none"\n' >"$node_root$own/config.d/99-unshared.toml"
make_blockfile_handler "$handler" < <(
	keys_of_runtime
	printf '[@TABLE@.options]\nConfigPath = "%s"\n' "$own/${given##*/}"
)

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
sandbox=$(on_node ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.namespace\"==$namespace,labels.\"io.cri-containerd.kind\"==sandbox")
its() { on_node ps -eo args | grep -F "$sandbox" | grep -c "$1" || true; } # a program of the sandbox, by its arguments
expect "VMs" 1 "$(its '[q]emu-system')"
expect "daemons of virtio-fs" 0 "$(its '[v]irtiofsd')"
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
written=/var/lib/kubelet/pods/$(field unshared .metadata.uid)/volumes
kubelet_has_written() { [ "$(on_node sh -c "cat $written/kubernetes.io~configmap/settings/comes $written/kubernetes.io~projected/all/color")" = newgreen ]; }
eventually 120 "the kubelet to write the update" kubelet_has_written
updated() { [ "$(in_d sh -c 'cd /settings; echo $(for f in color comes /one-color /all/color; do cat $f; echo; done; ls; cat /tmp/seen /tmp/seen-all)')" = "green new red green color comes event of ..data event of ..data" ]; }
eventually 60 "the update with its events in the guest" updated

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
