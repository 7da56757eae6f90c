#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crash-states [OPTION=VALUE]... - recover from each state of the disk that a power cut may leave, as ALICE's model has them
#
# Of each flow's recorded changes: every prefix, every single and paired loss of what was not synced, halves and zeros of what was written,
# and orders=N (1000) seeded subsets.  Options are those of kill-at-every-call.
. "$(dirname "$0")/node.sh"
torture crash "$@"
