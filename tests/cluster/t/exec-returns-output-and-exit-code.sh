#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: NODE=n1
# variants.full: NODE=n2
# twin: runc
#
# kubectl exec: stdout and stderr stay apart, the exit code is the program's, a missing program is said,
# in whatever letters its name is written.
. "$(dirname "$0")/../testing.sh"

sleeper box
expect "stdout" out "$(in_pod box sh -c 'echo out; echo err >&2' 2>"$work/err")"
expect "stderr" err "$(cat "$work/err")"
expect_status 0 in_pod box true
expect_status 1 in_pod box false
expect_status 42 in_pod box sh -c 'exit 42'
expect_status 137 in_pod box sh -c 'kill -9 $$'
status=0
in_pod box /no/such/program 2>"$work/err" || status=$?
[ "$status" != 0 ] || fail "a missing program ended with 0"
expect_match "message" '[Nn]o such file or directory' "$(cat "$work/err")"
# Half of a letter in the message would lose the whole answer on its way.
long=$(printf 'é%.0s' {1..400})
for name in "/$long" "/a$long"; do
	status=0
	in_pod box "$name" 2>"$work/err" || status=$?
	[ "$status" != 0 ] || fail "a name that is too long ended with 0"
	expect_match "message" 'file name too long|file not found' "$(cat "$work/err")"
done
passed
