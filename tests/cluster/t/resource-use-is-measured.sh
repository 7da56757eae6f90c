#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# kubelet's summary, which the metrics pipeline reads, has the processor time and memory of a pod.
. "$(dirname "$0")/../testing.sh"

pod busy <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "while :; do :; done"], resources: {limits: {cpu: 200m, memory: 64Mi}}}
END
ready busy
usage() { # FIELD
	"$cluster" kubectl get --raw "/api/v1/nodes/$node/proxy/stats/summary" |
		jq -r --arg ns "$namespace" ".pods[] | select(.podRef.namespace == \$ns) | .containers[0].$1"
}
measured() { [ "$(usage cpu.usageCoreNanoSeconds)" -gt 100000000 ] && [ "$(usage memory.workingSetBytes)" -gt 0 ]; }
eventually 60 "the pod's processor time and memory in kubelet's summary" measured
passed
