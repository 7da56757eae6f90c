#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
# twin: runc
#
# ctr run -t: the container has a terminal of the caller's size, what is typed arrives, the end of the
# program ends it all.
. "$(dirname "$0")/testing.sh"
require script

box=box$$
cat >"$work/shell" <<END
stty rows 23 cols 61
nsenter -t $init -m -p $containerd_bin/ctr --address /run/containerd/containerd.sock run --rm -t \
	--runtime $runtime $image $box sh -c 'n=0; until [ "\$(stty size)" = "23 61" ] || [ \$n = 50 ]; do n=\$((n + 1)); sleep 0.1; done; stty size; tty; read word; echo "got \$word"; exit 3'
echo "ended with \$?"
END
# The keyboard is a fifo that stays open, so that the program's end, not that of its input, ends it all.
mkfifo "$work/keyboard"
exec {keyboard}<>"$work/keyboard"
timeout 60 script -qefc "sh $work/shell" "$work/screen" <&"$keyboard" >/dev/null &
terminal=$!
eventually 50 "the name of the terminal" grep -qaE '/dev/(pts/[0-9]+|console)' "$work/screen"
echo hello >&"$keyboard"
wait "$terminal" || true
screen=$(tr -d '\r' <"$work/screen")
expect_match "size" $'23 61\n' "$screen"
expect_match "terminal" '/dev/(pts/[0-9]+|console)' "$screen"
expect_match "typed word" 'got hello' "$screen"
expect_match "exit code" 'ended with 3' "$screen"
eventually 20 "everything to go" nothing_left $box
passed
