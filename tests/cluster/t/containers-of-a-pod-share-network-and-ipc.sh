#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# Two containers of one pod reach each other on loopback, have one hostname and one IPC namespace with
# one /dev/shm, but processes and files of their own.
. "$(dirname "$0")/../testing.sh"

pod pair <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "mkdir /w; echo from c > /w/index.html; httpd -p 8080 -h /w; sleep 100000"]}
- {name: d, image: "$image", command: [sleep, "100000"]}
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
passed
