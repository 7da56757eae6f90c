#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# Two containers of one pod reach each other on loopback, have one hostname and one IPC namespace with
# one /dev/shm, but processes and files of their own.  `kubectl debug --target` sees those of its target, and no others.
# A pod that asks for the node's network is told that it cannot have it.
. "$(dirname "$0")/../testing.sh"

pod pair <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "mkdir /w; echo from c > /w/index.html; httpd -p 8080 -h /w; sleep 100000"]}
- {name: d, image: "$image", command: [sleep, "100000"]}
END
[ "$runtime_class" = runc ] || pod host <<END
hostNetwork: true
containers:
- {name: c, image: "$image", command: [sleep, "100000"]}
END
ready pair
d() { k exec pair -c d -- "$@"; }
expect "page over loopback" "from c" "$(d wget -qO- http://127.0.0.1:8080/)"
expect "hostname" "$(in_pod pair hostname)" "$(d hostname)"
expect "IPC namespace" "$(in_pod pair readlink /proc/self/ns/ipc)" "$(d readlink /proc/self/ns/ipc)"
expect "network namespace" "$(in_pod pair readlink /proc/self/ns/net)" "$(d readlink /proc/self/ns/net)"
in_pod pair sh -c 'echo shared > /dev/shm/file'
expect "/dev/shm" shared "$(d cat /dev/shm/file)"
expect_status 1 d test -e /w
[ "$(in_pod pair readlink /proc/self/ns/pid)" != "$(d readlink /proc/self/ns/pid)" ] || fail "the pid namespace is shared unasked"

k debug -q pair --image "$image" --target d -c look -- sleep 100009 >/dev/null
look() { k exec pair -c look -- "$@"; }
eventually 60 "the debugging container" look true 2>/dev/null
processes=$(look ps)
expect_match "processes of the target" '1 .*sleep 100000' "$processes"
expect_match "its own" 'sleep 100009' "$processes"
[[ $processes != *httpd* ]] || fail "it sees those of others: $processes"
expect "the target's files" "there" "$(look sh -c '[ -e /proc/1/root/bin/sh ] && echo there')"
[ "$runtime_class" = runc ] || expect_match "why a pod has not the node's network" 'the network of the host' \
	"$(k get events --field-selector involvedObject.name=host -o 'jsonpath={.items[*].message}')"
passed
