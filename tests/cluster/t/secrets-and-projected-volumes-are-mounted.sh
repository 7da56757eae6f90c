#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A Secret with its mode and one file of it in a folder of the image (subPath), the service account's
# token, the pod's own labels and the termination message, all of which kubelet puts into the container by mounts.
. "$(dirname "$0")/../testing.sh"

k create secret generic door --from-literal=key=sesame >/dev/null
pod keeper <<END
restartPolicy: Never
containers:
- name: c
  image: "$image"
  command: [sh, -c, "cat /secret/key; echo; stat -Lc %a /secret/key; wc -c < /var/run/secrets/kubernetes.io/serviceaccount/token; cat /info/labels; echo; stat -c %F /etc/door.key; cat /etc/door.key; echo; ls /etc | wc -l; echo farewell > /dev/termination-log"]
  volumeMounts:
  - {name: door, mountPath: /secret, readOnly: true}
  - {name: door, mountPath: /etc/door.key, subPath: key, readOnly: true}
  - {name: info, mountPath: /info}
volumes:
- {name: door, secret: {secretName: door, defaultMode: 0400}}
- {name: info, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
END
ended keeper Succeeded
mapfile -t lines < <(k logs keeper)
expect "secret" sesame "${lines[0]}"
expect "mode" 400 "${lines[1]}"
[ "${lines[2]}" -gt 100 ] || fail "the token has only ${lines[2]} bytes"
expect "labels" 'app="keeper"' "${lines[3]}"
expect "the file by subPath" "regular file sesame" "${lines[4]} ${lines[5]}"
[ "${lines[6]}" -gt 1 ] || fail "the file hides its folder"
expect "termination message" farewell "$(field keeper '.status.containerStatuses[0].state.terminated.message' | tr -d '\n')"
passed
