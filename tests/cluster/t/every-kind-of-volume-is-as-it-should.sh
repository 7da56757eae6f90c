#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
#
# One pod with every kind of volume the kubelet has, whole and in parts (subPath of files and folders, subPathExpr), read-only in one
# container and not in another: emptyDir on disk and in memory, configMap, secret, downwardAPI, projected with a token, hostPath of each
# type, a local PersistentVolume, an image.  An init container prepares them and mounts, a sidecar goes on, a debugging container comes later.
. "$(dirname "$0")/../testing.sh"
require python3

own=$node_root/srv/$namespace
mkdir -p "$own"/host/dir/sub "$own"/local/inner "$own"/deep/mount
cleanup rm -rf --one-file-system "$own"
echo file of the node >"$own/host/file"
echo part >"$own/host/dir/sub/part"
echo local >"$own/local/inner/f"
python3 -c 'import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("socket")' "$own/host"
on_node mount -t tmpfs -o nosuid,nodev,noexec deep "/srv/$namespace/deep/mount"
on_node cp /bin/busybox "/srv/$namespace/deep/mount/true"
unmount() { ! on_node mountpoint -q "/srv/$namespace/deep/mount" || on_node umount "/srv/$namespace/deep/mount"; }
cleanup unmount
remove_claims() {
	k delete pod,pvc --all --force --grace-period=0 >/dev/null 2>&1
	"$cluster" kubectl delete pv "$namespace" --ignore-not-found >/dev/null 2>&1
}
cleanup eventually 60 "the claims to go" remove_claims
k create -f - >/dev/null <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $namespace}
spec:
  capacity: {storage: 16Mi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: $namespace
  claimRef: {namespace: $namespace, name: claim}
  local: {path: /srv/$namespace/local}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node]}]}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], storageClassName: $namespace, resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
immutable: true
data: {a: "value a", b: "value b"}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
stringData: {a: "secret a"}
END

# shellcheck disable=SC2016 # $(POD) is for the kubelet
sed 's/^  *#.*//' <<'END' | sed "s/@NS@/$namespace/g;s,@IMAGE@,$image,g" | pod all
initContainers:
- name: prepare
  image: "@IMAGE@"
  securityContext: {privileged: true}
  command: [sh, -c, "mkdir -p /disk/all/deep /memory/d /mounts/t; echo one >/disk/one; echo m >/memory/f; echo md >/memory/d/f; echo x >/disk/all/deep/x; mount -t tmpfs t /mounts/t && echo mounted >/mounts/t/f"]
  volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}, {name: mounts, mountPath: /mounts, mountPropagation: Bidirectional}]
- name: sidecar
  image: "@IMAGE@"
  restartPolicy: Always
  command: [sh, -c, "while :; do date >/disk/beat; sleep 1; done"]
  volumeMounts: [{name: disk, mountPath: /disk}]
  startupProbe: {exec: {command: [test, -e, /disk/beat]}, periodSeconds: 1}
containers:
- name: c
  image: "@IMAGE@"
  command: [sleep, "100000"]
  env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
  resources: {limits: {cpu: 500m}}
  securityContext: {readOnlyRootFilesystem: true}
  volumeMounts:
  - {name: disk, mountPath: /disk}
  - {name: disk, mountPath: /disk-file, subPath: one}
  - {name: disk, mountPath: /disk-expr, subPathExpr: $(POD)/deep}
  - {name: disk, mountPath: /disk-new, subPath: made/by/kubelet}
  - {name: memory, mountPath: /memory, readOnly: true}
  - {name: memory, mountPath: /memory-file, subPath: f}
  - {name: memory, mountPath: /memory-dir, subPath: d}
  - {name: memory, mountPath: /memory-new, subPathExpr: new/$(POD)}
  - {name: mounts, mountPath: /mounts, mountPropagation: HostToContainer}
  - {name: settings, mountPath: /settings}
  - {name: settings, mountPath: /etc/app.conf, subPath: a}
  - {name: secret, mountPath: /secret}
  - {name: secret, mountPath: /secret-file, subPath: a}
  - {name: down, mountPath: /down}
  - {name: down, mountPath: /down-file, subPath: labels}
  - {name: projected, mountPath: /projected}
  - {name: projected, mountPath: /projected-dir, subPath: sub}
  - {name: projected, mountPath: /projected-file, subPath: sub/b}
  - {name: host, mountPath: /host}
  - {name: host, mountPath: /host-dir, subPath: dir/sub}
  - {name: host, mountPath: /host-part, subPath: dir/sub/part}
  - {name: host-file, mountPath: /host-file}
  - {name: host-file-new, mountPath: /host-file-new}
  - {name: host-dir-new, mountPath: /host-dir-new}
  - {name: host-socket, mountPath: /host-socket}
  - {name: zero, mountPath: /dev/zero-of-mine}
  - {name: deep, mountPath: /deep, readOnly: true, recursiveReadOnly: Enabled}
  - {name: flags, mountPath: "/no/../dotted//flags/"}
  - {name: local, mountPath: /local}
  - {name: local, mountPath: /local-dir, subPath: inner}
  - {name: local, mountPath: /local-file, subPath: inner/f}
  - {name: image, mountPath: /image}
  - {name: image, mountPath: /image-bin, subPath: bin}
- name: d
  image: "@IMAGE@"
  command: [sleep, "100000"]
  volumeMounts:
  - {name: disk, mountPath: /disk, readOnly: true}
  - {name: memory, mountPath: /memory}
  - {name: local, mountPath: /local, readOnly: true}
  - {name: host, mountPath: /host, readOnly: true}
volumes:
- {name: disk, emptyDir: {}}
- {name: memory, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
- {name: mounts, emptyDir: {}}
- {name: settings, configMap: {name: settings, defaultMode: 0440}}
- {name: secret, secret: {secretName: secret, defaultMode: 0400}}
- {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: d/cpu, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 1m}}]}}
- name: projected
  projected:
    sources:
    - {configMap: {name: settings, items: [{key: a, path: a}, {key: b, path: sub/b}]}}
    - {secret: {name: secret, items: [{key: a, path: sub/s}]}}
    - {serviceAccountToken: {path: token, expirationSeconds: 600}}
- {name: host, hostPath: {path: /srv/@NS@/host, type: Directory}}
- {name: host-file, hostPath: {path: /srv/@NS@/host/file, type: File}}
- {name: host-file-new, hostPath: {path: /srv/@NS@/host/file-new, type: FileOrCreate}}
- {name: host-dir-new, hostPath: {path: /srv/@NS@/host/dir-new, type: DirectoryOrCreate}}
- {name: host-socket, hostPath: {path: /srv/@NS@/host/socket, type: Socket}}
- {name: zero, hostPath: {path: /dev/zero, type: CharDevice}}
- {name: deep, hostPath: {path: /srv/@NS@/deep}}
- {name: flags, hostPath: {path: /srv/@NS@/deep/mount}}
- {name: local, persistentVolumeClaim: {claimName: claim}}
- {name: image, image: {reference: "@IMAGE@", pullPolicy: IfNotPresent}}
END
ready all 180
# shows WHAT CONTAINER WANTED-LINES COMMAND
shows() {
	expect "$1 in $2" "$3" "$(k exec all -c "$2" -- sh -c "$4" 2>/dev/null | paste -sd,)"
}
refused='echo x >$f && echo written || echo refused'
shows "the root" c refused "f=/x; $refused"
shows "an emptyDir's parts" c "one,one,x,777" 'cat /disk/one /disk-file /disk-expr/x; stat -c %a /disk-new'
shows "a part that is a file, written," c "one,two" 'echo two >>/disk-file; cat /disk/one'
shows "a memory volume's parts" c "m,md,m,y" 'cat /memory-file /memory-dir/f /memory/f; echo y >/memory-new/y; cat /memory/new/all/y'
shows "their size" c "8192,8192,8192,8192" 'df -k /memory /memory-dir /memory-file /memory-new | awk "NR > 1 { print \$2 }"'
shows "a memory volume to be read" c refused "f=/memory/x; $refused"
shows "the same to be written" d "written,x" "f=/memory/x; $refused; cat /memory/x"
shows "what the init container mounted" c mounted 'cat /mounts/t/f'
shows "what the sidecar writes" c true 'a=$(cat /disk/beat); sleep 2; [ "$a" != "$(cat /disk/beat)" ] && echo true'
shows "a configMap" c "value a,value b,440,value a,440 regular file" 'for f in /settings/a /settings/b; do echo $(cat $f); done; stat -Lc %a /settings/a; echo $(cat /etc/app.conf); stat -c "%a %F" /etc/app.conf'
shows "writing it" c "refused,refused" "for f in /settings/a /etc/app.conf; do $refused; done"
shows "a secret" c "secret a,400,secret a,400 regular file" 'echo $(cat /secret/a); stat -Lc %a /secret/a; echo $(cat /secret-file); stat -c "%a %F" /secret-file'
shows "a downwardAPI volume" c 'app="all",app="all",500' 'echo $(cat /down/labels); echo $(cat /down-file); echo $(cat /down/d/cpu)'
shows "a projected volume" c "a,sub/b,sub/s,token,b,s,value b,value b" 'cd /projected; for f in a sub/b sub/s token; do [ -s $f ] && echo $f; done; ls /projected-dir; echo $(cat /projected-dir/b); echo $(cat /projected-file)'
shows "a hostPath" c "file of the node,part,part,file of the node,socket,socket,regular empty file,755" 'cat /host/file /host-dir/part /host-part /host-file; stat -c %F /host/socket /host-socket; stat -c %F /host-file-new; stat -c %a /host-dir-new'
shows "its parts, written," c "part,b,a,c" 'echo b >>/host-part; echo a >/host-dir/new; echo c >/host-dir-new/c; cat /host/dir/sub/part /host/dir/sub/new /host/dir-new/c'
expect "what the node has of it" "part b a c" "$(cat "$own"/host/dir/sub/part "$own"/host/dir/sub/new "$own"/host/dir-new/c | paste -sd' ')"
shows "a device" c "character special file 1:5, 00 00" 'stat -c "%F %t:%T" /dev/zero-of-mine; head -c 2 /dev/zero-of-mine | od -An -tx1'
shows "a volume read-only to its depth" c "refused,refused" "for f in /deep/x /deep/mount/x; do $refused; done"
shows "what the node's mount forbids" c "nodev noexec nosuid nodev noexec nosuid,126,126" 'for m in /dotted/flags /deep/mount; do for o in nodev noexec nosuid; do grep " $m " /proc/self/mountinfo | grep -wo $o; done; done | paste -sd" "; /dotted/flags/true; echo $?; /deep/mount/true; echo $?'
shows "a local volume's parts" c "local,local,local,more" 'cat /local/inner/f /local-dir/f; echo more >>/local-file; cat /local-dir/f'
shows "an image" c "runs,as many names,refused" 'n=$(ls /image-bin | wc -l); /image-bin/busybox echo runs; [ $n = $(ls /image/bin | wc -l) ] && echo as many names; '"f=/image/x; $refused"
shows "volumes to be read" d "refused,refused,refused" "for f in /disk/x /local/x /host/x; do $refused; done"

k patch pod all --subresource ephemeralcontainers --type=strategic -p '{"spec": {"ephemeralContainers": [{"name": "look",
	"image": "'"$image"'", "command": ["sleep", "100000"], "volumeMounts": [{"name": "disk", "mountPath": "/disk"}, {"name": "memory",
	"mountPath": "/memory"}, {"name": "settings", "mountPath": "/settings"}, {"name": "local", "mountPath": "/local"}, {"name": "image", "mountPath": "/image"}]}]}}' >/dev/null
looks() { [ -n "$(field all '.status.ephemeralContainerStatuses[0].state.running')" ]; }
eventually 60 "the debugging container" looks
shows "every volume" look "one,two,m,value a,local,more,runs" 'cat /disk/one /memory/f; echo $(cat /settings/a); cat /local/inner/f; /image/bin/busybox echo runs; echo seen >/disk/look'
shows "what that wrote" c seen 'cat /disk/look'

# What the node does to its files while the pod has them: a part that gets another file, and a mount that goes.
echo another >"$own/another" && mv "$own/another" "$own/host/dir/sub/part"
rm "$own/host/dir-new/c" && rmdir "$own/host/dir-new"
unmount || fail "a volume of the pod keeps the node from unmounting"
sleep 1.5
shows "parts that have no name any more" c "part,b,0,refused,another" 'cat /host-part; ls /host-dir-new | wc -l; touch /host-dir-new/x || echo refused; cat /host/dir/sub/part'
passed
