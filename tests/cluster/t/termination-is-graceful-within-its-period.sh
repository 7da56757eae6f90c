#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
#
# On deletion the program gets SIGTERM and may finish; one that ignores it is killed when the grace
# period is over, and not before.
. "$(dirname "$0")/../testing.sh"

mkdir -p "$node_root/srv/$namespace"
cleanup rm -rf "$node_root/srv/$namespace"
pod polite <<END
terminationGracePeriodSeconds: 60
containers:
- name: c
  image: "$image"
  command: [sh, -c, "trap 'echo bye > /out/polite; exit 0' TERM; while :; do sleep 0.2; done"]
  volumeMounts: [{name: out, mountPath: /out}]
volumes: [{name: out, hostPath: {path: /srv/$namespace}}]
END
pod deaf <<END
terminationGracePeriodSeconds: 4
containers:
- {name: c, image: "$image", command: [sh, -c, "trap '' TERM; while :; do sleep 0.2; done"]}
END
ready polite
ready deaf
began=$SECONDS
k delete pod polite --timeout=90s >/dev/null
polite=$((SECONDS - began)) began=$SECONDS
k delete pod deaf --timeout=60s >/dev/null
deaf=$((SECONDS - began))
note "polite pod gone after $polite s of 60, deaf one after $deaf s of 4"
expect "last words" bye "$(cat "$node_root/srv/$namespace/polite")"
[ "$polite" -lt 30 ] || fail "a polite pod took $polite s"
[ "$deaf" -ge 3 ] || fail "a deaf pod was killed after $deaf s, before its period"
[ "$deaf" -lt 25 ] || fail "a deaf pod took $deaf s"
passed
