#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/run takes the tests of the asked tier and of those before, a named one whatever its tier, counts
# passes, failures and skips, in text and as JUnit XML, and refuses what it does not know, as ./dev does
# before it builds anything.
. "$(dirname "$0")/../lib.sh"

require xmllint

tree=$work/tree
mkdir -p "$tree"/tests/{it,cluster/t} "$tree/build"
cp "$top"/tests/{run,below.sh,junit.sh} "$tree/tests/"
export KATA_BUILD_DIR=$tree/build KATA_LOG_DIR=$tree/logs
run() { "$tree/tests/run" "$@" 2>&1; }

script() { # NAME BODY HEADER-LINE...
	local file=$tree/tests/$1.sh body=$2
	shift 2
	{
		echo '#!/bin/bash'
		printf '# %s\n' 'what it holds' "$@"
		echo "$body"
	} >"$file"
	chmod +x "$file"
}
script cluster/prepare true
script it/plain true
script it/needs 'echo "SKIPPED: no command crio on this machine"; exit 77'
script it/varied "echo \"A=\$A\"; [ \"\$A\" != 3 ]" 'variants: A=1 A=2' 'variants.full: A=3'
script it/twin "[ \"\${RUNTIME:-kata}\" = kata ] || echo \"\$RUNTIME\"" 'twin: runc'
script cluster/t/long true 'tier: full' 'twin: runc' 'timeout: 900'

note "the tiers"
everyday="it/needs it/plain it/twin it/varied@A=1 it/varied@A=2"
listed() { run --list "$@" | sort | paste -sd' '; }
expect "quick" "" "$(listed --quick)"
expect "everyday" "cluster/prepare $everyday" "$(listed)"
expect "full" "cluster/long cluster/long@RUNTIME_CLASS=runc cluster/prepare it/needs it/plain it/twin \
it/twin@RUNTIME=io.containerd.runc.v2 it/varied@A=1 it/varied@A=2 it/varied@A=3" "$(listed --full)"

note "patterns choose within the tier, a name in any"
expect "a pattern" "it/varied@A=1 it/varied@A=2" "$(listed 'it/v*')"
expect "a pattern, full" "it/varied@A=1 it/varied@A=2 it/varied@A=3" "$(listed --full 'it/v*')"
expect "a name" "cluster/long cluster/prepare" "$(listed cluster/long)"

note "the counts"
output=$(run) || fail "the everyday tests failed: $output"
expect "the last line" "5 passed, 0 failed, 1 skipped" "$(tail -n 1 <<<"$output")"
expect_match "the reason of a skip" 'skipped it/needs: no command crio on this machine' "$output"
output=$(run --full) && fail "a failure was not reported"
expect "the last line" "8 passed, 1 failed, 1 skipped" "$(tail -n 1 <<<"$output")"
expect_match "the failure" "FAILED it/varied@A=3: $tree/logs/it.varied@A=3.log" "$output"
expect "its log" A=3 "$(cat "$tree/logs/it.varied@A=3.log")"
expect "the twin's runtime" io.containerd.runc.v2 "$(cat "$tree/logs/it.twin@RUNTIME=io.containerd.runc.v2.log")"

note "the same as JUnit XML, whatever the logs have in them"
script it/cmocka 'printf "[       OK ] test_a\n[  FAILED  ] test_b\n[  SKIPPED ] test_c\n[  FAILED  ] test_b\n"; exit 1'
script it/sanitized 'printf "[       OK ] test_a\nERROR: AddressSanitizer\n"; exit 1'
script it/odd 'printf "FAILED: 1 < 2 & \"3\" > \x01\x1b[0m\xff ]]>\n"; exit 1'
run --full >/dev/null && fail "failures were not reported"
junit=$tree/logs/junit.xml
xmllint --noout "$junit" || fail "it is no XML: $(cat "$junit")"
counted() { xmllint --xpath "string($1)" "$junit"; }
expect "its counts" "16 4 2" "$(counted /testsuites/@tests) $(counted /testsuites/@failures) $(counted /testsuites/@skipped)"
expect "its cases" "16 4 2" "$(counted 'count(//testcase)') $(counted 'count(//failure)') $(counted 'count(//skipped)')"
suite="//testsuite[@name='it/cmocka']/testcase"
expect "a suite's cases" "test_a test_b test_c" \
	"$(counted "${suite}[not(*)]/@name") $(counted "${suite}[failure]/@name") $(counted "${suite}[skipped]/@name")"
expect "why one was skipped" "no command crio on this machine" "$(counted "//testsuite[@name='it/needs']//skipped/@message")"
expect "a failure" 'FAILED: 1 < 2 & "3" > [0m ]]>' "$(counted "//testsuite[@name='it/odd']//failure/@message")"

note "what is refused"
refused() { # TEXT COMMAND...
	local text=$1 status=0
	shift
	output=$(timeout 20 "$@" 2>&1) || status=$?
	expect "exit status of $*" 2 "$status"
	expect_match "$*" "$text" "$output"
}
refused "no option '--fast'" "$tree/tests/run" --fast
refused "no test of the tier 'everyday' is named like 'it/v@\*'" "$tree/tests/run" 'it/v@*'
refused "'check' has no option '--fast'; it has --quick --full" "$top/dev" check --fast
refused "'check' takes one of --quick and --full" "$top/dev" check --quick --full
refused "'build' takes no argument, but was given 'all'" "$top/dev" build all
refused "no command 'checks'" "$top/dev" checks
refused "no torture 'none'" "$top/dev" torture none

note "what needs no root installs nothing, and names what setup would install"
mkdir "$work/bin"
printf '#!/bin/sh\necho "ii  cmake"\n' >"$work/bin/dpkg-query"
chmod +x "$work/bin/dpkg-query"
for command in build unit lint replay "check --quick"; do
	# shellcheck disable=SC2086 # a command and its option
	output=$(PATH=$work/bin:$PATH timeout 20 "$top/dev" $command 2>&1) && fail "'$command' went on without packages"
	expect_match "$command" "missing; './dev setup' installs them.* libcmocka-dev " "$(tr '\n' ' ' <<<"$output")"
	[[ $output != *" cmake "* ]] || fail "$command names a package that is there"
done
