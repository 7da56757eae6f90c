#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=1 CONTAINERD=2
#
# ctr run against containerd 1.6 and 2.x: the guest's kernel, output on both streams, exit codes,
# stdin, environment, working folder; afterwards nothing is left.
. "$(dirname "$0")/testing.sh"

kernel=$(run_kata kernel$$ uname -r)
note "host $(uname -r), container $kernel"
[ "$runtime" = io.containerd.runc.v2 ] || [ "$kernel" != "$(uname -r)" ] || fail "the container runs on the host's kernel"
status=0
run_kata streams$$ sh -c 'echo out; echo err >&2; exit 42' >"$work/out" 2>"$work/err" || status=$?
expect "exit code" 42 "$status"
expect "stdout" out "$(cat "$work/out")"
expect "stderr" err "$(tail -n 1 "$work/err")"
expect "stdin" 1048576 "$(head -c 1048576 /dev/zero | run_kata stdin$$ sh -c 'wc -c' | tr -d ' ')"
expect "long output" 20000 "$(run_kata long$$ seq 1 20000 | tail -n 1)"
expect "environment" "a b" "$(ctr run --rm --runtime "$runtime" --env 'X=a b' "$image" environment$$ sh -c 'echo "$X"')"
expect "folder" /tmp "$(ctr run --rm --runtime "$runtime" --cwd /tmp "$image" folder$$ pwd)"
for name in kernel streams stdin long environment folder; do
	eventually 10 "everything of '$name' to go" nothing_left "$name$$"
done
passed
