#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# kubectl exec -it: the container has a terminal of the caller's size and sees it change.
. "$(dirname "$0")/../testing.sh"
require script

sleeper box
# What the user's shell does: a terminal of one size, then of another while exec runs in it.
cat >"$work/shell" <<END
stty rows 21 cols 57
"$cluster" kubectl -n "$namespace" exec -it box -- sh -c '
	tty; n=0
	until [ "\$(stty size 2>/dev/null)" = "33 77" ] || [ \$n = 150 ]; do
		n=\$((n + 1)); stty size; sleep 0.1
	done
	stty size' </dev/tty &
n=0
until grep -q "21 57" "$work/screen" || [ \$n = 200 ]; do n=\$((n + 1)); sleep 0.1; done
stty rows 33 cols 77
wait
END
timeout 60 script -qefc "sh $work/shell" "$work/screen" </dev/null >/dev/null
screen=$(tr -d '\r' <"$work/screen" | sed 's/\^@//g') # a NUL of busybox, as a terminal echoes it
expect_match "terminal" '/dev/(pts/[0-9]+|console)' "$screen"
expect_match "first size" $'\n21 57\n' "$screen"
expect_match "second size" $'\n33 77(\n|$)' "$screen"
passed
