#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants.full: NODE=n2
# twin: runc
#
# A megabyte through exec -i comes back unchanged, the end of input is seen, and kubectl attach
# feeds the main program of a container that asks for stdin.
. "$(dirname "$0")/../testing.sh"

sleeper box
head -c 1048576 /dev/urandom >"$work/data"
k exec -i box -- cat <"$work/data" >"$work/back"
cmp "$work/data" "$work/back" || fail "the data came back changed"
expect "bytes counted inside" 1048576 "$(k exec -i box -- wc -c <"$work/data" | tr -d ' ')"

pod reader <<END
restartPolicy: Never
containers:
- {name: c, image: "$image", stdin: true, stdinOnce: true, command: [sh, -c, "echo reading; cat; echo end"]}
END
ready reader
echo "through attach" | k attach -i reader >/dev/null
ended reader Succeeded
expect "log" "reading through attach end" "$(k logs reader | tr '\n' ' ' | sed 's/ $//')"
passed
