#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
#
# A seeded slice of what ./dev torture does whole: kata-deploy is killed at system calls of each flow, calls of it fail, the
# power goes; the next run makes the node what an undisturbed one makes it.  Upgrades end no sandbox, and the pod that stays
# keeps nothing for what it sees.
# shellcheck source-path=SCRIPTDIR/../torture source=node.sh
. "$(dirname "$0")/../torture/node.sh"

seed=$(date +%j) # another slice each day
note "seed $seed"
torture kill engine=2 points=8 "seed=$seed"
torture fault engine=2 error=ENOSPC points=8 flow=upgrade "seed=$seed"
torture crash engine=2 points=16 flow=upgrade "seed=$seed"
torture rounds engine=2 rounds=16
torture live engine=2 upgrades=8 flips=24 sandboxes=6 parts=1
