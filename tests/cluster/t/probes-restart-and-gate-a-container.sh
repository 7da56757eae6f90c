#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A failing liveness probe restarts the container; readiness follows its probe both ways.
. "$(dirname "$0")/../testing.sh"

pod probed <<END
containers:
- name: c
  image: "$image"
  command: [sh, -c, "touch /live /ready; sleep 100000"]
  livenessProbe: {exec: {command: [test, -e, /live]}, periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 10}
  readinessProbe: {exec: {command: [test, -e, /ready]}, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 10}
END
ready probed
in_pod probed rm /ready
k wait --for=condition=Ready=false pod/probed --timeout=30s >/dev/null
in_pod probed touch /ready
ready probed 30
in_pod probed rm /live
restarted() { [ "$(field probed '.status.containerStatuses[0].restartCount')" -ge 1 ]; }
eventually 60 "the liveness probe to restart the container" restarted
ready probed 30
passed
