#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/dev/steps.sh says how far it is, names the step, the reason, the log and what to do when one
# fails, and ends what it started beside the steps: at their end, at a failure and when interrupted.
. "$(dirname "$0")/../lib.sh"

cat >"$work/dev" <<-END
	set -euo pipefail
	log_dir=$work/log
	. "$top/packaging/dev/steps.sh"
	nap() { sleep "\$1"; }
	fails() { echo "the reason"; return 3; }
	beside() { echo "\$BASHPID" >>$work/beside; sleep 300; }
	run_steps "\$@"
END
steps() { bash "$work/dev" "$@" 2>&1 | sed 's/  done in [0-9]*:[0-9][0-9]$/  done/'; }
beside_is_gone() {
	local pid
	while read -r pid; do
		! kill -0 "$pid" || return 1
	done <"$work/beside"
}

note "all well"
output=$(steps "first | true | -" "& | beside |" "& | beside 2 |" "second | nap 1 | -")
expect "what ran beside" 2 "$(wc -l <"$work/beside")"
expect "what it says" "step 1 of 2: first  done
step 2 of 2: second  done" "$output"
eventually 10 "what ran beside to end" beside_is_gone

note "a failure"
rm "$work/beside"
status=0
output=$(steps "& | beside |" "first | nap 1 | -" "second | fails | ask somebody" "third | true | -") || status=$?
expect "exit status" 1 $status
expect "what it says" "step 1 of 3: first  done
step 2 of 3: second  FAILED
  reason:
    the reason
  log: $work/log/02-fails.log
  what to do: ask somebody" "$output"
eventually 10 "what ran beside to end" beside_is_gone

note "what runs beside may fail: the steps do the work themselves"
output=$(steps "& | fails |" "first | nap 1 | -")
expect "what it says" "step 1 of 1: first  done" "$output"

note "an interruption"
rm "$work/beside"
bash "$work/dev" "& | beside |" "long | nap 300 | -" >"$work/out" &
pid=$!
eventually 10 "the steps to begin" test -s "$work/beside"
kill -TERM $pid
status=0
wait $pid || status=$?
expect "exit status" 130 $status
expect_match "what it says" 'run the same command again to go on' "$(cat "$work/out")"
eventually 10 "what ran beside to end" beside_is_gone
