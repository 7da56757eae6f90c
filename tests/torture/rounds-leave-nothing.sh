#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rounds-leave-nothing [OPTION=VALUE]... - rounds=N (1000) installations and removals, and as many repeated installations
#
# After each round the node is as it was first, mounts and locks included; a repeated installation writes nothing at all.
. "$(dirname "$0")/node.sh"
torture rounds "$@"
