#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# prepare.sh - start the tests' cluster, one node with containerd 2 and one with 1.6, and install kata
# on both by kata-deploy.  The first cluster test; without it the others skip.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
export KATA_CLUSTER=${KATA_CLUSTER:-check}
if [ "$(id -u)" != 0 ]; then
	echo "SKIPPED: needs root"
	exit 77
fi
"$here/cluster" up n1:2 n2:1
"$here/kata" all n1 n2
"$here/cluster" kubectl get nodes,runtimeclasses -o wide
