#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# With shareProcessNamespace the containers see each other's processes and may signal them; pid 1 is
# the pause program, so that the end of one container is not the end of the others.
. "$(dirname "$0")/../testing.sh"

pod family <<END
shareProcessNamespace: true
containers:
- {name: c, image: "$image", command: [sleep, "100001"]}
- {name: d, image: "$image", command: [sleep, "100002"]}
END
ready family
expect "pid namespace" "$(in_pod family readlink /proc/self/ns/pid)" "$(k exec family -c d -- readlink /proc/self/ns/pid)"
expect_match "processes seen from c" 'sleep 100002' "$(in_pod family ps)"
expect_match "pid 1 is the pause program" 'pause' "$(in_pod family cat /proc/1/cmdline | tr '\0' ' ')"
in_pod family kill -9 "$(in_pod family ps | awk '/sleep 100002/ { print $1; exit }')"
restarts() { # CONTAINER
	field family ".status.containerStatuses[?(@.name==\"$1\")].restartCount"
}
restarted() { [ "$(restarts "$1")" = 1 ]; }
eventually 30 "container d to be started again" restarted d
in_pod family kill -9 "$(in_pod family ps | awk '/sleep 100001/ { print $1; exit }')" || true
eventually 60 "container c to be started again" restarted c
expect "restarts of d after the end of c" 1 "$(restarts d)"
passed
