#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# emptyDir on disk and in memory: shared by the pod's containers, kept when one of them restarts.  The one in memory is a tmpfs of the
# machine the containers are in, with the size limit, group and mode of the pod; a subPath is a part of the same one.
. "$(dirname "$0")/../testing.sh"

pod pair <<END
securityContext: {fsGroup: 1234}
containers:
- name: c
  image: "$image"
  command: [sh, -c, "until [ -e /disk/end ]; do sleep 0.2; done; rm /disk/end; exit 1"]
  volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts:
  - {name: disk, mountPath: /disk}
  - {name: memory, mountPath: /memory}
  - {name: memory, mountPath: /part, subPath: a/b}
volumes: [{name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory, sizeLimit: 16Mi}}]
END
ready pair
in_d() { k exec pair -c d -- "$@"; }
files() { k exec pair -c "$1" -- cat /disk/f /memory/f /memory/a/b/f | tr '\n' ' '; }
in_pod pair sh -c 'echo one > /disk/f; echo two > /memory/f'
in_d sh -c 'echo three > /part/f'
expect "files in the other container" "one two three " "$(files d)"
expect "files in the first container" "one two three " "$(files c)"
expect "file system in memory" "tmpfs" "$(in_d awk '$2 == "/memory" { print $3 }' /proc/mounts)"
expect "group and mode" "1234 3777" "$(in_d stat -c '%g %a' /memory)"
expect "size of the volume in KiB" "16384" "$(in_d df -k /memory | awk 'END { print $2 }')"
expect_match "more than the size limit" "No space left" "$(in_d sh -c 'dd if=/dev/zero of=/memory/big bs=1M count=20 2>&1 || true')"
in_d rm /memory/big
in_pod pair touch /disk/end
restarted() { [ "$(field pair '.status.containerStatuses[?(@.name=="c")].restartCount')" = 1 ]; }
eventually 60 "container c to be started again" restarted
ready pair
expect "files after the restart" "one two three " "$(files c)"
passed
