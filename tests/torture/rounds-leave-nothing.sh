#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rounds-leave-nothing [OPTION=VALUE]... - rounds=N (1000) installations and removals, and as many repeated installations
#
# After each round the node is as it was first, mounts and locks included; a repeated installation writes nothing at all.
# Then, of kata-deploy, the pod that stays: upgrades=N (200) pods replace one another with the other release, while
# sandboxes=N (20) of both live on; and beside one pod somebody goes back and forth flips=N (200) times while sandboxes come
# and go: it keeps no more memory, descriptors or children for it, and nothing is restarted.  A sandbox is a process that has files of its
# version open and the record and the lock of a shim: VMs there cannot be so many here.
. "$(dirname "$0")/node.sh"
torture rounds "$@"
[[ " $* " == *" program=kata-manager "* ]] || torture live "$@"
