#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lib.sh - what every integration test shares.  Sourced by tests/it/*.sh and tests/cluster/t/*.sh.
#
# A test ends with 0 (passed), 77 (skipped) or anything else (failed), and prints why.  Whatever it
# makes it registers with `cleanup` first, so that an end by failure or by a signal leaves nothing.
# Nothing waits without a deadline.
# shellcheck disable=SC2034 # top and work are for the tests
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d /tmp/kata-test.XXXXXX)
# What a test made before it sourced this is in the list already.
[ -n "${cleanups[*]:-}" ] || cleanups=()
cleaning='' cleaned_badly='' polling=''
exec {our_stdout}>&1 {our_stderr}>&2

# cleanup COMMAND... - to be run when the test ends, last registered first.
cleanup() {
	cleanups+=("$(printf '%q ' "$@")")
}

run_cleanups() {
	local status=$? i
	# Who ends a test signals it, its group and what is below it; no such echo ends a clean-up.
	trap '' INT TERM HUP
	trap - EXIT ERR
	set +e
	cleaning=yes
	# An end in what is polled finds its streams in the file.
	[ -z "$polling" ] || { exec 1>&"$our_stdout" 2>&"$our_stderr" && cat "$work/eventually" >&2; }
	polling=''
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}"
	done
	rm -rf --one-file-system "$work"
	[ -z "$cleaned_badly" ] || exit 1
	# begin_again is the reason why the surroundings, not what is tested, made it fail.  Once only.
	if [ -n "${begin_again:-}" ] && [ -z "${signalled:-}${KATA_TEST_AGAIN:-}" ]; then
		note "begins once more: $begin_again"
		trap - INT TERM HUP
		KATA_TEST_AGAIN=1 exec "$0"
	fi
	exit "$status"
}
trap run_cleanups EXIT
# The next signal may come before the cleanups have begun, and would end them.
trap 'trap "" INT TERM HUP; echo "FAILED: ended by a signal" >&2; signalled=yes; exit 1' INT TERM HUP
trap 'echo "FAILED: ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND" >&2' ERR
set -E

# note TEXT - what the test does now, with the seconds since it began.
note() { printf -- "--- %3d s: %s\n" $SECONDS "$*"; }

# In a cleanup it returns, so that the others run; the test has failed all the same.
fail() {
	echo "FAILED: $*" >&2
	trap - ERR
	[ -z "$cleaning" ] || { cleaned_badly=yes && return 1; }
	exit 1
}

# skip REASON - the test cannot run here and says why.
skip() {
	echo "SKIPPED: $*"
	ending=well
	exit 77
}

# require COMMAND... - skip unless all of them exist.
require() {
	local command
	for command; do
		command -v "$command" >/dev/null || skip "no command '$command' on this machine"
	done
}

require_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# expect WHAT WANTED GOT
expect() {
	[ "$2" = "$3" ] || fail "$1: wanted '$2', got '$3'"
}

# expect_match WHAT REGEX TEXT
expect_match() {
	[[ $3 =~ $2 ]] || fail "$1: wanted something like '$2', got '$3'"
}

# expect_status WANTED COMMAND...
expect_status() {
	local wanted=$1 got=0
	shift
	"$@" || got=$?
	[ "$wanted" = "$got" ] || fail "'$*': wanted exit status $wanted, got $got"
}

# eventually SECONDS WHAT COMMAND... - poll until COMMAND succeeds; its last output is shown if not.  No wait is
# shorter than half a minute: what takes one second on a quiet machine takes ten on a busy one, and who passes waits for
# nothing.  A bound that is itself a promise is measured.
eventually() {
	local deadline=$((SECONDS + ($1 == 0 || $1 > 30 ? $1 : 30))) what=$2
	shift 2
	# No subshell: what the command sets is kept.
	polling=yes
	until "$@" >"$work/eventually" 2>&1; do
		if ((SECONDS >= deadline)); then
			polling=''
			cat "$work/eventually" >&2
			fail "gave up waiting for: $what"
			return 1
		fi
		sleep 0.1
	done
	polling=''
}

# asked ANSWER FILE COMMAND... - what COMMAND says goes to FILE; ANSWER is typed once a question is there, as what was
# typed before is no answer.
asked() {
	local answer=$1 said=$2
	shift 2
	# shellcheck disable=SC2094 # it is read while it is written
	"$@" >"$said" 2>&1 < <(eventually 60 "a question" grep -qF '[y/N]' "$said" && echo "$answer")
}
