#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# memory.sh - what a VM holds of the host's memory: at rest, after work, and when the guest has given back
# what it only remembers.  Prints "name value ...", in bytes; needs the release in build/dist/kata.
#
# The guest's pages are shared memory of QEMU, so they are told from what QEMU takes for itself.  A container
# with a limit of 100 MiB takes 80 MiB and frees them, then writes and reads 90 MiB of files.
exec 3>&1 >&2
. "$(dirname "$0")/../it/testing.sh"
rest_s=70 # two rounds of the guest's (agent.reclaim_period)

name=memory$$
ctr run -d --runtime "$runtime" --memory-limit $((100 << 20)) "$image" "$name" sleep 1000
vm=$(inside pgrep -f 'bin/qemu-system-x86_64' | head -n 1)
run_in() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"; }
record() { # WHEN
	inside awk -v when="$1" '
		$1 == "RssAnon:" { printf "qemu_own_%s %d\n", when, $2 * 1024 }
		$1 == "RssShmem:" { printf "guest_%s %d\n", when, $2 * 1024 }' "/proc/$vm/status" >&3
}

record idle
run_in dd if=/dev/zero of=/dev/null bs=80M count=1
run_in sh -c 'dd if=/dev/zero of=/tmp/a bs=1M count=90 && cat /tmp/a >/dev/null'
record after_work
sleep "$rest_s"
record at_rest
ctr tasks kill --signal KILL "$name"
eventually 30 "the end of $name" has_ended "$name"
passed
