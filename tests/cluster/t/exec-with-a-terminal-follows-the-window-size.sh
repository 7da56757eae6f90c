#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubectl exec -it: the container has a terminal of the caller's size and sees it change.
. "$(dirname "$0")/../testing.sh"
require script

sleeper box
cat >"$work/outside" <<END
stty rows 21 cols 57 </dev/tty
"$cluster" kubectl -n "$namespace" exec -it box -- sh -c '
	tty; stty size; n=0
	until [ "\$(stty size)" = "33 77" ] || [ \$n = 100 ]; do n=\$((n + 1)); sleep 0.1; done
	stty size' </dev/tty >"$work/inside" &
n=0
until grep -q "21 57" "$work/inside" || [ \$n = 200 ]; do n=\$((n + 1)); sleep 0.1; done
stty rows 33 cols 77 </dev/tty
wait
END
timeout 60 script -qec "sh $work/outside" /dev/null </dev/null
inside=$(tr -d '\r' <"$work/inside")
expect_match "terminal" '^/dev/(pts/[0-9]+|console)' "$inside"
expect "sizes" "21 57 33 77" "$(tail -n 2 <<<"$inside" | tr '\n' ' ' | sed 's/ $//')"
passed
