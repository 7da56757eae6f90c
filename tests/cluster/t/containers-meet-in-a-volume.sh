#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# timeout: 400
#
# One volume is one file system, however often it is mounted: two containers of a pod, and two mounts of one volume
# in a container (one of them by subPath), meet in it by socket, fifo, locks, events and a shared mapping.  An emptyDir
# on /dev/shm is that volume.  A configMap that changes is an event.
. "$(dirname "$0")/../testing.sh"
require cc

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
cc -static -O1 -o "$node_root/srv/$namespace/meet" "$top/tests/cluster/meet.c"
k create configmap settings --from-literal=colour=red >/dev/null
pod pair <<END
containers:
- name: c
  image: "$image"
  command:
  - sh
  - -c
  - |
    mkdir -p /disk/part
    for v in /disk /host; do
      /host/meet listen \$v/socket &
      mkfifo \$v/fifo; (echo "through the fifo" >\$v/fifo) &
      /host/meet hold \$v/lock &
      /host/meet see \$v/map >\$v/seen &
      /host/meet watch \$v >\$v/watched &
    done
    /host/meet watch /settings >/disk/settings &
    echo mine >/dev/shm/file
    for v in /disk /host; do until [ -S \$v/socket ] && [ -e \$v/lock.fcntl ] && [ -e \$v/map ]; do sleep 0.2; done; done
    sleep 1; touch /disk/begun; sleep 100000
  readinessProbe: {exec: {command: [test, -e, /disk/begun]}, periodSeconds: 1}
  volumeMounts:
  - {name: disk, mountPath: /disk}
  - {name: host, mountPath: /host}
  - {name: memory, mountPath: /dev/shm}
  - {name: settings, mountPath: /settings}
- name: d
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts:
  - {name: disk, mountPath: /part, subPath: part}
  - {name: disk, mountPath: /disk}
  - {name: disk, mountPath: /again, readOnly: true}
  - {name: host, mountPath: /host}
  - {name: memory, mountPath: /memory}
volumes:
- {name: disk, emptyDir: {}}
- {name: host, hostPath: {path: /srv/$namespace}}
- {name: memory, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
- {name: settings, configMap: {name: settings}}
END
ready pair
in_d() { k exec pair -c d -- "$@"; }
for v in /disk /host; do
	seen=$(in_d sh -c "m=/host/meet; \$m connect $v/socket; cat $v/fifo; \$m try $v/lock; \$m show $v/map
		i=0; until [ -s $v/seen ] && [ -s $v/watched ] || [ \$i = 100 ]; do rm -f $v/event; touch $v/event; sleep 0.2; i=\$((i + 1)); done; cat $v/seen $v/watched" 2>&1)
	expect "what meets in $v" "hello
through the fifo
flock held
fcntl held
mapping seen
event of event" "$seen"
done
expect "one volume mounted three times" "hello
hello
flock held
fcntl held" "$(in_d sh -c "m=/host/meet; \$m listen /disk/two & \$m listen /disk/part/three & \$m hold /part/lock & sleep 1
	\$m connect /again/two; \$m connect /part/three; \$m try /disk/part/lock" 2>&1)"
in_d sh -c 'echo no >/again/file' 2>/dev/null && fail "the read-only mount of a volume was written"
expect "file systems of the volume" 1 "$({ in_d stat -c %d /disk /again /part; in_pod pair stat -c %d /disk; } | sort -u | wc -l)"
expect "an emptyDir on /dev/shm" mine "$(in_d cat /memory/file)"
expect "its size in KiB" 16384 "$(in_pod pair df -k /dev/shm | awk 'END { print $2 }')"
k patch configmap settings --type=merge -p '{"data":{"colour":"blue"}}' >/dev/null
changed() { [ "$(in_pod pair cat /disk/settings)" = "event of ..data" ]; }
[ "$runtime_class" = runc ] || in_pod pair grep -q " /settings " /proc/mounts || fail "the configMap is not mounted"
eventually 150 "the event of a changed configMap" changed
passed
