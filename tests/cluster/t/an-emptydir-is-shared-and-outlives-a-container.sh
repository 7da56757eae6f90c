#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# emptyDir on disk and in memory: shared by the pod's containers, kept when one of them restarts.
. "$(dirname "$0")/../testing.sh"

pod pair <<END
containers:
- name: c
  image: "$image"
  command: [sh, -c, "until [ -e /disk/end ]; do sleep 0.2; done; rm /disk/end; exit 1"]
  volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts: [{name: disk, mountPath: /disk}, {name: memory, mountPath: /memory}]
volumes: [{name: disk, emptyDir: {}}, {name: memory, emptyDir: {medium: Memory, sizeLimit: 16Mi}}]
END
ready pair
files() { k exec pair -c "$1" -- cat /disk/f /memory/f | tr '\n' ' '; }
in_pod pair sh -c 'echo one > /disk/f; echo two > /memory/f'
expect "files in the other container" "one two " "$(files d)"
in_pod pair touch /disk/end
restarted() { [ "$(field pair '.status.containerStatuses[?(@.name=="c")].restartCount')" = 1 ]; }
eventually 60 "container c to be started again" restarted
ready pair
expect "files after the restart" "one two " "$(files c)"
passed
