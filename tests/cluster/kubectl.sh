#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubectl.sh - kubectl-kata as a test's administrator runs it.  Sourced by tests that know their cluster.
# shellcheck disable=SC2154 # top comes from lib.sh
# shellcheck disable=SC2034 # some names are for the tests only

require jq
program=${KATA_DIST_DIR:-$top/build/dist}/kata/bin/kubectl-kata
[ -x "$program" ] || skip "no $program; './dev package' makes it"
state=${KATA_CLUSTER_DIR:-/var/lib/kata-cluster}/$KATA_CLUSTER
admin=$state/pki/admin.kubeconfig
in_cluster() { ip netns exec "kata-$KATA_CLUSTER" "$@"; }
kata() { KUBECONFIG=$admin in_cluster "$program" "$@"; }
