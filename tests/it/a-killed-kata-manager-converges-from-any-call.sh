#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# tier: full
#
# As for kata-deploy: kata-manager is killed at system calls of each flow, and in recoveries, before a removal and before
# `recover`; calls of it fail; the power goes.  The next run makes the machine what an undisturbed one makes it.
# shellcheck source-path=SCRIPTDIR/../torture source=node.sh
. "$(dirname "$0")/../torture/node.sh"

seed=$(date +%j) # another slice each day
note "seed $seed"
manager() { torture "$@" program=kata-manager parts=4 "seed=$seed"; }
manager kill points=24
manager kill points=8 recovery=yes
manager kill points=8 next=remove
manager kill points=8 next=recover
manager fault points=3
manager crash points=24 orders=50
manager rounds rounds=16
