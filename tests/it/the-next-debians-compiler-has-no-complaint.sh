#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1500
#
# All of it compiles without a warning with the compiler, the C library and the libraries of the next Debian,
# optimised, which is when gcc looks at how values flow; and the unit tests pass there.
. "$(dirname "$0")/../lib.sh"

require_root
require unshare pivot_root
root=$("$top/packaging/artefact" test-gcc)/root
build=$top/build/next-debian
jobs=2
. "$top/packaging/dev/objects.sh"
remember_objects /mnt next-debian

# Nothing of the artefact is written: what has to be lies in a folder of ours, mounted for this command alone.
inside() { # COMMAND...
	mkdir -p "$build" "$CCACHE_DIR"
	unshare --mount --propagation private -- bash -euc '
		mount --bind "$1" "$1"
		mount -o remount,bind,ro "$1"
		mount --bind -o ro "$2" "$1/mnt"
		mount --bind "$3" "$1/srv"
		mount --bind "$CCACHE_DIR" "$1/media"
		mount -t tmpfs tmpfs "$1/tmp"
		mount -t tmpfs tmpfs "$1/run"
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		cd "$1"
		# No chroot: the kernel makes no namespace of users in one.
		pivot_root . .
		umount -l .
		cd /srv
		shift 3
		exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 CCACHE_DIR=/media CCACHE_BASEDIR="$CCACHE_BASEDIR" \
			CCACHE_NOHASHDIR=yes CCACHE_MAXSIZE="$CCACHE_MAXSIZE" CMAKE_C_COMPILER_LAUNCHER=ccache "$@"' - "$root" "$top" "$build" "$@"
}

note "$(inside gcc --version | head -n 1)"
inside cmake -S /mnt -B /srv -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O2 \
	-DCMAKE_COMPILE_WARNING_AS_ERROR=ON >"$work/cmake" 2>&1 || fail "cmake: $(tail -n 5 "$work/cmake")"
inside ninja -C /srv -j $jobs -k 0 >"$work/build" 2>&1 ||
	fail "the compiler complains: $(grep -E 'error:|warning:' "$work/build" | sort | uniq -c | head -n 20)"
note "compiled"
# Its json-c, 0.18, takes no letter beyond ASCII when it is strict, which we are; what is shipped has another.
inside ctest --test-dir /srv -L unit -E /test_pbjson -j $jobs --timeout 120 --output-on-failure >"$work/unit" 2>&1 ||
	fail "unit tests: $(grep -E '\(Failed\)|\(Timeout\)|^\[  ERROR   \]|LINE' "$work/unit" | head -n 20)"
note "$(grep 'tests passed' "$work/unit")"
