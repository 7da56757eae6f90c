#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1500
#
# All of it compiles with clang without a warning, and each fuzz target, begun from its corpus, finds nothing
# in as many runs as take some seconds.  The seed is fixed: what is found once is found again.
. "$(dirname "$0")/../lib.sh"

require clang-14 cmake ccache ninja
cd "$top"
. packaging/dev/objects.sh
remember_objects "$top"
libraries=$(packaging/artefact fuzz-libraries)
# With them as with the libraries of the system, and then no trace of the system's is in cmake's memory.
rm -f build/fuzz/CMakeCache.txt
PKG_CONFIG_PATH=$libraries/lib/pkgconfig cmake --preset fuzz >"$work/cmake" || fail "cmake: $(tail -n 5 "$work/cmake")"
note "with clang"
cmake --build --preset fuzz -j 2 >"$work/build" 2>&1 || fail "clang complains: $(grep -m 5 -E 'error|warning' "$work/build")"

found=0
for target in build/fuzz/tests/fuzz/fuzz_*; do
	[ -f "$target" ] || continue
	name=$(basename "$target")
	# What it finds useful it adds to the first folder.
	mkdir -p "$work/$name"
	timeout 120 "$target" -seed=1 -runs=20000 -max_total_time=8 -rss_limit_mb=2048 -artifact_prefix="$work/$name." \
		"$work/$name" "tests/fuzz/corpus/${name#fuzz_}" >"$work/$name.log" 2>&1 ||
		fail "$name: $(grep -m 3 -E 'ERROR|SUMMARY|deadly' "$work/$name.log"); input in base64: $(cat "$work/$name".*-* 2>/dev/null | head -c 600 | base64 -w0)"
	note "$name: $(grep -oE '^Done [0-9]+ runs in [0-9]+ second' "$work/$name.log")"
	found=$((found + 1))
done
expect "fuzz targets that ran" "$(find tests/fuzz -name 'fuzz_*.c' | wc -l)" "$found"
