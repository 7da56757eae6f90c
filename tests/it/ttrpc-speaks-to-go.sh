#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 480
#
# Our ttRPC and the Go module that containerd uses understand each other in both directions:
# concurrent calls, the largest message, every kind of failure, deadlines, metadata.
. "$(dirname "$0")/../lib.sh"

require go
c=${KATA_BUILD_DIR:-$top/build/dev}/tests/it/ttrpc-interop/ttrpc-interop
[ -x "$c" ] || skip "the tests are not built in ${KATA_BUILD_DIR:-$top/build/dev}"

cache=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}
. "$top/tests/cluster/go.sh"
(cd "$top/tests/it/ttrpc-interop" && nice go build -p 2 -o "$work/go" .)

start() { # LOG COMMAND... - a server, until it says that it is ready
	local log=$1
	shift
	"$@" >"$log" 2>&1 &
	cleanup kill $!
	eventually 20 "'$*' to listen" grep -q ready "$log"
}

note "a Go client calls our server"
start "$work/c.log" "$c" serve "unix://$work/c.sock"
expect "the Go client" ok "$("$work/go" call "$work/c.sock" || true)"

note "our client calls a Go server"
start "$work/go.log" "$work/go" serve "$work/go.sock"
expect "our client" ok "$("$c" call "unix://$work/go.sock" || true)"
