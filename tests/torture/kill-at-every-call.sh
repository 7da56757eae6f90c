#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kill-at-every-call [OPTION=VALUE]... - kill an installer at each system call that changes something; the next run converges
#
# flow=install, upgrade, roll-back, repair, reconfigure, reset or cleanup; engine=1 or 2, a containerd; points=N of each flow, by
# seed=N, or call=NAME:NUMBER; recovery=yes kills also the recovery of each kind of rest; next=cleanup removes what was killed,
# next=recover has no more than taken back, first; parts=N at a time.  program=kata-manager: that one, with flows of its own.
. "$(dirname "$0")/node.sh"
torture kill "$@"
