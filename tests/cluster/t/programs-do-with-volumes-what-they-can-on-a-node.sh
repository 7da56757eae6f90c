#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# twin: runc
# timeout: 400
#
# What programs do with files works on every kind of volume, as root and as somebody else with a group for volumes; and volumes are
# mounted where people mount them: over /tmp, /run, /var/run, a folder behind a link, a file, inside another volume, at
# paths that are not tidy, long or odd, ninety in a pod.  Where no volume can be is refused by name.
. "$(dirname "$0")/../testing.sh"
require cc jq

own=$node_root/srv/$namespace
mkdir -p "$own"/{dir,real} "$own/odd a,b:c\\d%s"
cleanup rm -rf --one-file-system "$own"
cc -static -O1 -o "$own/behave" "$top/tests/cluster/behave.c"
chmod 777 "$own"
echo real >"$own/real/f"
echo odd >"$own/odd a,b:c\\d%s/f"
ln -s real "$own/link"
ln -s real/f "$own/file-link"
long=$(printf 'n%.0s' $(seq 250))
k create configmap cm --from-literal=a=A --from-literal=b=B >/dev/null
k create secret generic secret --from-literal=k=SK >/dev/null

sed "s/@NS@/$namespace/g;s,@IMAGE@,$image,g;s/@LONG@/$long/g" <<'END_OF_POD' | pod files
securityContext: {fsGroup: 2345, runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000], seLinuxOptions: {level: "s0:c1,c2"}}
containers:
- name: c
  image: "@IMAGE@"
  command:
  - sh
  - -c
  - |
    exec 2>&1
    for v in /disk /memory /host /tmp /dev/shm; do mkdir $v/c && /host/behave $v/c | grep -v ': ok$' | sed "s,^,$v ,"; done
    for v in /disk /memory /tmp /run /var/run; do touch $v/mine && stat -c "%u %g %a" $v/mine; done | uniq
    cat /disk/nested/a /disk/nested/deeper/k /rel/a /dotted/f /@LONG@/a "/odd a,b\\d%s/f" "/odd a,b\\d%s/sub f" /link /folder/f; echo
    touch /disk/nested/x
    ls /var/run/secrets/kubernetes.io/serviceaccount | paste -sd' '
    df -k /dev/shm /shm | awk 'NR > 1 { print $2 }' | uniq
    touch /disk/c-done; sleep 100000
  volumeMounts:
  - {name: secret, mountPath: /disk/nested/deeper}
  - {name: cm, mountPath: /disk/nested}
  - {name: disk, mountPath: /disk}
  - {name: memory, mountPath: /memory}
  - {name: host, mountPath: /host}
  - {name: tmp, mountPath: /tmp}
  - {name: run, mountPath: /run}
  - {name: varrun, mountPath: /var/run}
  - {name: shm, mountPath: /dev/shm/}
  - {name: shm, mountPath: /shm}
  - {name: cm, mountPath: rel}
  - {name: real, mountPath: "/x/../dotted//"}
  - {name: cm, mountPath: /@LONG@}
  - {name: odd, mountPath: "/odd a,b\\d%s"}
  - {name: cm, mountPath: "/odd a,b\\d%s/sub f", subPath: a}
  - {name: file-link, mountPath: /link}
  - {name: link, mountPath: /folder}
- name: d
  image: kata.test/links:1
  securityContext: {runAsUser: 0}
  command:
  - sh
  - -c
  - |
    exec 2>&1
    until [ -e /disk/c-done ]; do sleep 0.2; done
    for v in /disk /memory /host / /lib; do mkdir -p $v/d && /host/behave $v/d | grep -v ': ok$' | sed "s,^,$v ,"; done
    cat /lib/conf/a /etc/os-release /var/lock/f /run/mine
    echo; echo done; sleep 100000
  volumeMounts:
  - {name: disk, mountPath: /disk}
  - {name: memory, mountPath: /memory}
  - {name: host, mountPath: /host}
  - {name: run, mountPath: /run}
  - {name: cm, mountPath: /lib/conf}
  - {name: real, mountPath: /var/lock}
  - {name: cm, mountPath: /etc/os-release, subPath: b}
volumes:
- {name: disk, emptyDir: {}}
- {name: memory, emptyDir: {medium: Memory, sizeLimit: 40Mi}}
- {name: shm, emptyDir: {medium: Memory, sizeLimit: 32Mi}}
- {name: tmp, emptyDir: {}}
- {name: run, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
- {name: varrun, emptyDir: {}}
- {name: cm, configMap: {name: cm}}
- {name: secret, secret: {secretName: secret, defaultMode: 0400}}
- {name: host, hostPath: {path: /srv/@NS@}}
- {name: odd, hostPath: {path: "/srv/@NS@/odd a,b:c\\d%s"}}
- {name: real, hostPath: {path: /srv/@NS@/real}}
- {name: link, hostPath: {path: /srv/@NS@/link}}
- {name: file-link, hostPath: {path: /srv/@NS@/file-link}}
END_OF_POD

# odd NAME MOUNTS COMMAND - a container of the pod `odd`.
odd() {
	echo "- {name: $1, image: \"$image\", resources: {requests: {cpu: 1m}}, volumeMounts: [$2], command: [sh, -c, \"exec 2>&1; $3\"]}"
}
{
	echo "restartPolicy: Never"
	echo "volumes: [{name: e, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}, {name: cm, configMap: {name: cm}}"
	echo "  , {name: d, hostPath: {path: /srv/$namespace/dir}}, {name: f, hostPath: {path: /srv/$namespace/real/f}}"
	for i in $(seq 90); do echo "  , {name: v$i, emptyDir: {$([ $((i % 9)) != 0 ] || echo 'medium: Memory')}}"; done
	echo "  ]"
	echo "containers:"
	odd many "$(for i in $(seq 90); do echo "{name: v$i, mountPath: /many$i}, "; done)" 'for i in $(seq 90); do echo $i >/many$i/f; done; cat /many*/f | wc -l'
	odd over-proc "{name: e, mountPath: /proc}" "echo ran"
	odd in-proc "{name: e, mountPath: /proc/foo}" "echo ran"
	odd new-in-sys "{name: e, mountPath: /sys/nowhere}" "echo ran"
	odd file-on-folder "{name: f, mountPath: /etc}" "echo ran"
	odd folder-on-file "{name: d, mountPath: /etc/passwd}" "echo ran"
	odd new-in-read-only "{name: d, mountPath: /v, readOnly: true}, {name: e, mountPath: /v/missing}" "echo ran"
	odd folder-on-termination-log "{name: e, mountPath: /dev/termination-log}" "echo ran"
	odd over-sys "{name: e, mountPath: /sys}" "touch /sys/x && echo ran"
	odd in-sys "{name: e, mountPath: /sys/fs/bpf}" "touch /sys/fs/bpf/y && echo ran"
	odd in-dev "{name: e, mountPath: /dev/x/y}, {name: f, mountPath: /dev/z}" "touch /dev/x/y/z && cat /dev/z && echo x >/dev/null"
	odd on-pts "{name: m, mountPath: /dev/pts}" "ls /dev/pts | wc -l"
	odd on-mqueue "{name: m, mountPath: /dev/mqueue}" "touch /dev/mqueue/x && echo ran"
	odd on-kubelets-files "{name: f, mountPath: /etc/hosts}, {name: cm, mountPath: /etc/resolv.conf, subPath: a}" "cat /etc/hosts /etc/resolv.conf"
	odd on-the-token "{name: e, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}" "[ ! -e /var/run/secrets/kubernetes.io/serviceaccount/token ] && echo hidden"
} | pod odd

is_done() { [ "$(k logs files -c d 2>/dev/null | tail -n 1)" = "done" ]; }
eventually 150 "the programs to have ended" is_done
expect "what somebody with a group has" "1000 2345 644
ASKAreal
Aodd
Areal
real

touch: /disk/nested/x: Read-only file system
ca.crt namespace token
32768" "$(k logs files -c c)"
expect "what root has" "ABreal

done" "$(k logs files -c d)"

expect_logs() { # CONTAINER LOG
	expect "what $1 says" "$2" "$(k logs odd -c "$1")"
}
states() { k get pod odd -o json | jq -r '.status.containerStatuses | sort_by(.name)[] | select(.state.terminated) | "\(.name) \(.state.terminated.exitCode)"'; }
all_ended() { [ "$(states | wc -l)" = 15 ]; }
eventually 60 "every container to have ended or failed" all_ended
expect "how they ended" "file-on-folder 128
folder-on-file 128
folder-on-termination-log 128
in-dev 0
in-proc 128
in-sys 0
many 0
new-in-read-only 128
new-in-sys 128
on-kubelets-files 0
on-mqueue 0
on-pts 0
on-the-token 0
over-proc 128
over-sys 0" "$(states)"
expect_logs many 90
expect_logs in-dev real
expect_logs on-kubelets-files "real
A"
expect_logs on-the-token hidden
passed
