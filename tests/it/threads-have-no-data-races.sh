#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1200
#
# The unit tests under ThreadSanitizer: the io thread and its work threads share what they share by locks.
# All but test_share: its child enters a mount namespace, which no process with a second thread may, and
# the sanitizer gives each process one.
. "$(dirname "$0")/../lib.sh"

require cmake ccache ninja ctest jq
cd "$top"
. packaging/dev/objects.sh
remember_objects "$top"
cmake --preset tsan >"$work/cmake" || fail "cmake: $(tail -n 5 "$work/cmake")"
mapfile -t tests < <(ctest --test-dir build/tsan --show-only=json-v1 |
	jq -r '.tests[].name | select(startswith("unit/")) | ltrimstr("unit/")' |
	grep -vx test_share)
[ ${#tests[@]} -gt 20 ] || fail "there are only ${#tests[@]} unit tests"
cmake --build --preset tsan -j 2 --target "${tests[@]}" >"$work/build" 2>&1 ||
	fail "it does not build: $(grep -m 5 error "$work/build")"
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
ctest --test-dir build/tsan -L unit -E '/test_share$' -j 2 --output-on-failure >"$work/tests" 2>&1 || {
	{ grep -A 30 'WARNING: ThreadSanitizer' "$work/tests" || true; } | head -n 60
	fail "$(grep -A 20 'The following tests FAILED' "$work/tests")"
}
expect_match "the tests that ran" "100% tests passed, 0 tests failed out of ${#tests[@]}" "$(cat "$work/tests")"
