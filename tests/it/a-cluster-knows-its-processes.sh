#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/cluster takes no process for another: neither one that is gone, nor a later one with its pid,
# nor, on the way to a node's pid 1, one that ended just now.
. "$(dirname "$0")/../lib.sh"
export KATA_CLUSTER_DIR=$work
# shellcheck source-path=SCRIPTDIR/../cluster source=common.sh
. "$top/tests/cluster/common.sh"
# shellcheck source-path=SCRIPTDIR/../cluster source=node.sh
. "$top/tests/cluster/node.sh"
mkdir -p "$(node_dir n1)"

sleep 300 &
cleanup kill $!
remember "$work/pid" $!
expect "a process that lives" $! "$(alive "$work/pid")"
echo "1 $(cut -d' ' -f2 "$work/pid")" >"$work/pid"
expect_status 1 alive "$work/pid"

true &
gone=$!
wait $gone
expect_status 1 remember "$work/pid" $gone
echo "$gone " >"$work/pid"
expect_status 1 alive "$work/pid"

note "a zombie, which has no namespaces"
bash -c 'sleep 0.3 & exec sleep 300' &
parent=$!
cleanup kill $parent
has_zombie() { grep -q '^State:.Z' "/proc/$(tr -d ' ' <"/proc/$parent/task/$parent/children")/status"; }
eventually 10 "a zombie" has_zombie
expect_status 1 find_init n1 $parent
