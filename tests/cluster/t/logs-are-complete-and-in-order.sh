#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: NODE=n1
# variants.full: NODE=n2
# twin: runc
#
# 20,000 lines on stdout and one on stderr, written as fast as possible just before the end, all
# arrive in order: nothing is lost between the end of the program and the end of its streams.
. "$(dirname "$0")/../testing.sh"

pod talker <<END
restartPolicy: Never
containers:
- name: c
  image: "$image"
  command: [sh, -c, "echo problem >&2; seq 1 20000"]
END
ended talker Succeeded
k logs talker >"$work/log"
expect "lines" 20001 "$(wc -l <"$work/log")"
expect "stderr" 1 "$(grep -c '^problem$' "$work/log")"
grep -v problem "$work/log" | cmp - <(seq 1 20000) || fail "the lines are not in order"
passed
