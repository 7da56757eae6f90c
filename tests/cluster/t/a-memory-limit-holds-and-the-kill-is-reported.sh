#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A container that takes more memory than its limit is killed and Kubernetes says OOMKilled; the pod's
# other container goes on.
. "$(dirname "$0")/../testing.sh"

pod hog <<END
restartPolicy: Never
containers:
- {name: c, image: "$image", command: [sh, -c, "sleep 1; tail /dev/zero"], resources: {limits: {memory: 48Mi, cpu: 500m}}}
- {name: d, image: "$image", command: [sleep, "100000"]}
END
reason() { [ -n "$(field hog '.status.containerStatuses[?(@.name=="c")].state.terminated.reason')" ]; }
eventually 90 "the end of the container" reason
expect "reason" OOMKilled "$(field hog '.status.containerStatuses[?(@.name=="c")].state.terminated.reason')"
expect "exit code" 137 "$(field hog '.status.containerStatuses[?(@.name=="c")].state.terminated.exitCode')"
expect "other container" alive "$(k exec hog -c d -- echo alive)"
passed
