#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kill-at-every-call [OPTION=VALUE]... - kill kata-deploy at each system call that changes something; the next run converges
#
# flow=install, upgrade, roll-back, repair, reconfigure, reset or cleanup; engine=1 or 2, a containerd; points=N of each flow, by
# seed=N; recovery=yes kills also the recovery of each kind of rest; next=cleanup removes what was killed; parts=N at a time.
. "$(dirname "$0")/node.sh"
torture kill "$@"
