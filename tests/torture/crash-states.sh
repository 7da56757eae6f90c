#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crash-states [OPTION=VALUE]... - recover from each state of the disk that a power cut may leave, as ALICE's model has them
#
# Of each flow's recorded changes: every prefix, every single and paired loss of what was not synced, halves and zeros of what was written,
# and orders=N (1000) seeded subsets.  Options are those of kill-at-every-call.  What takes too long for once is done in slices of one
# recording: recordings=FOLDER slices=4 slice=0, then slice=1 and so on, with the same program, orders, seed and parts.
. "$(dirname "$0")/node.sh"
torture crash "$@"
