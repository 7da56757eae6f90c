#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A test that is ended undoes all it registered with `cleanup`, last first: where tests/run or ./dev (check, torture,
# bench) is ended, which means more than one signal for it, where its time is over, and where one of its cleanups
# fails.  Its log has what it said of this, also where it ends in what it polls.  A compiled test, which cleans up nothing
# when it dies, has its files in a folder of tests/run's.
. "$(dirname "$0")/../lib.sh"

tree=$work/tree seen=$work/seen
mkdir -p "$tree/tests/it" "$tree/build"
cp "$top/tests/run" "$top/tests/below.sh" "$top/tests/junit.sh" "$top/tests/lib.sh" "$tree/tests/"
export KATA_BUILD_DIR=$tree/build KATA_LOG_DIR=$tree/logs

script() { # NAME SECONDS LAST-LINE
	{
		printf '#!/bin/bash\n#\n# timeout: %s\n' "$2"
		cat <<-END
			. "$tree/tests/lib.sh"
			cleanup sh -c "echo first >>$seen; ls -d \$work >>$seen"
			cleanup eventually 0 "what never comes" false
			cleanup sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; echo last >>$seen'
			echo "\$work" >>$work/folder
			$3
		END
	} >"$tree/tests/it/$1.sh"
	chmod +x "$tree/tests/it/$1.sh"
}

undone() { # NAME WHICH REASON
	local log=$tree/logs/it.$1.log
	shift
	grep -q "^FAILED: $2\$" "$log" || fail "the log of a test that $1 does not say '$2': $(cat "$log")"
	grep -q '^FAILED: gave up waiting for: what never comes' "$log" || fail "it does not say how the cleanup failed: $(cat "$log")"
	expect "cleanups of a test that $1" "last first $(cat "$work/folder")" "$(paste -sd' ' "$seen")"
	[ ! -e "$(cat "$work/folder")" ] || fail "the folder of a test that $1 has stayed"
	rm "$seen" "$work/folder"
}

# What would begin once more for its surroundings does not when it is ended.
script waits 60 'begin_again=surroundings; eventually 60 "the end" sleep 60'
script fails 60 'eventually 60 "the end" fail "on purpose"'
script passes 60 true
script late 1 'begin_again=surroundings; sleep 60'

note "tests/run is ended, or its whole group (Ctrl-C)"
for signal in TERM group-TERM group-HUP; do
	setsid "$tree/tests/run" it/waits >"$work/output" 2>&1 &
	runner=$!
	eventually 20 "the test to begin" test -s "$work/folder"
	case $signal in
	group-*) kill "-${signal#*-}" -- -$runner ;;
	*) kill "-$signal" $runner ;;
	esac
	expect_status 130 wait $runner
	undone waits "was interrupted" "ended by a signal"
done

note "many signals come in a row"
cat >"$tree/tests/it/flooded.sh" <<-END
	#!/bin/bash
	. "$tree/tests/lib.sh"
	cleanup touch $work/undone
	touch $work/begun
	while :; do sleep 0.01; done
END
chmod +x "$tree/tests/it/flooded.sh"
for _ in {1..40}; do
	"$tree/tests/it/flooded.sh" >/dev/null 2>&1 &
	runner=$!
	eventually 20 "the test to begin" test -e "$work/begun"
	for _ in {1..300}; do
		kill -TERM $runner 2>/dev/null || break
	done
	expect_status 1 wait $runner
	[ -e "$work/undone" ] || fail "a test that got several signals did not clean up"
	rm "$work/undone" "$work/begun"
done

note "./dev is ended, which waits for tests/run and takes the cluster down"
mkdir -p "$tree/packaging/dev" "$tree/tests/cluster"
cp "$top/dev" "$tree/"
cp "$top/packaging/dev/steps.sh" "$tree/packaging/dev/"
echo 'check_system() { :; }; must_have_packages() { :; }; become_root() { :; }; dev_steps=()' >"$tree/packaging/dev/setup.sh"
touch "$tree"/packaging/dev/{objects,build,demo}.sh
printf '#!/bin/sh\necho "$@" >>%s\n' "$work/cluster" >"$tree/tests/cluster/cluster"
chmod +x "$tree/tests/cluster/cluster"
"$tree/dev" check --quick it/waits >"$work/output" 2>&1 &
runner=$!
eventually 20 "the test to begin" test -s "$work/folder"
kill -TERM $runner
expect_status 1 wait $runner
undone waits "was interrupted with dev" "ended by a signal"
[ "$(id -u)" != 0 ] || expect "what was done with the cluster" down "$(cat "$work/cluster")"

note "./dev is ended, which tells all that a torture or a benchmark runs, and waits for them"
cat >"$work/slow" <<-END
	#!/bin/bash
	#
	# slow - for a test
	. "$tree/tests/lib.sh"
	cleanup sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; echo last >>$seen'
	# Which the script waits for, and which is in a group of its own.
	timeout 60 sh -c 'echo \$\$ >$work/pid; sleep 59; :'
END
chmod +x "$work/slow"
mkdir -p "$tree/tests/torture" "$tree/tests/bench" "$tree/build/dist/kata"
cp "$work/slow" "$tree/tests/torture/slow.sh"
cp "$top/tests/bench/run" "$tree/tests/bench/"
echo "choose_accelerator() { accelerator_name=none; }; prepare_moment() { :; }; part_size() { echo \$(\"$work/slow\"); }" >"$tree/tests/bench/parts.sh"
cat >>"$tree/packaging/dev/setup.sh" <<-END
	check_toolchains() { :; }
	set_up_and_run() { :; }
	guest_steps=() cluster_steps=() machine_steps=() release_steps=() release_and_dev_steps=()
END
for what in "torture slow" "bench size"; do
	# shellcheck disable=SC2086 # two words
	"$tree/dev" $what >"$work/output" 2>&1 &
	runner=$!
	eventually 20 "'$what' to begin" test -s "$work/pid"
	kill -TERM $runner
	! wait $runner || fail "'$what' says that it was done"
	expect "cleanups of '$what'" last "$(cat "$seen")"
	! kill -0 "$(cat "$work/pid")" 2>/dev/null || fail "what '$what' ran has stayed"
	rm "$seen" "$work/pid"
done

note "a test's time is over"
expect_status 1 "$tree/tests/run" it/late >"$work/output"
undone late "was late" "ended by a signal"

note "a test fails, or only a cleanup of it"
expect_status 1 "$tree/tests/run" it/fails >"$work/output"
undone fails "fails" "on purpose"
expect_status 1 "$tree/tests/run" it/passes >"$work/output"
undone passes "passes" "gave up waiting for: what never comes"

note "a compiled test dies, or tests/run is ended beside it"
cat >"$tree/dies" <<-END
	#!/bin/sh
	mkdir -p "\$TMPDIR/of/it"
	echo "\$TMPDIR" >$work/folder
	[ "\$1" != waits ] || exec sleep 60
	kill -KILL \$\$
END
chmod +x "$tree/dies"
printf 'add_test(unit/%s %s %s)\n' dies "$tree/dies" now waits "$tree/dies" waits >"$tree/build/CTestTestfile.cmake"
gone() { # WHAT
	[ -s "$work/folder" ] || fail "no test that $1 has begun: $(cat "$work/output")"
	[ ! -e "$(cat "$work/folder")" ] || fail "the folder of a test that $1 has stayed: $(cat "$work/folder")"
	rm "$work/folder"
}
expect_status 1 "$tree/tests/run" unit/dies >"$work/output"
gone died
for group in '' -; do
	setsid "$tree/tests/run" unit/waits >"$work/output" 2>&1 &
	runner=$!
	eventually 20 "the test to begin" test -s "$work/folder"
	kill -TERM -- $group$runner
	expect_status 130 wait $runner
	gone "was ended"
done
