#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# teardown-follows-no-link [ROUNDS] - close a share while folders with host mounts in it change places with links
#
# 10^5 rounds, on this kernel's way and on that of kernels before 5.12; in each the folder and a link to a foreign
# mount's folder are exchanged some hundred times.  No foreign mount may go.  Each way takes half an hour or more.
. "$(dirname "$0")/../lib.sh"

program=$top/build/dev/tests/unit/test_share
[ -x "$program" ] || fail "no '$program'; './dev build' makes it"
TORTURE_ROUNDS=${1:-100000} "$program" 2>&1 | tee "$work/output"
grep -q '^\[  PASSED  \] 2 test(s)' "$work/output" || fail "not both ways ran"
! grep -q '^\[  SKIPPED \]' "$work/output" || fail "a way was skipped: here nothing can be mounted"
