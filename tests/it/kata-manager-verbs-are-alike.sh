#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 480
#
# Every command of kata-manager, as --help lists them, keeps what all promise: -o json is one object with a kind, or
# nothing where it fails; a wrong option, output, number of words or user is told with what would be right, and nothing
# is done; the exit status is one of those that --help documents; no terminal gets colours where NO_COLOR is set; what
# takes --dry-run changes nothing with it; what destroys something asks first, and not without a terminal.
#
# The machine is of our making, in a mount namespace: nothing is installed, and settings wait for an installation.
. "$(dirname "$0")/../lib.sh"

require_root
require jq unshare setpriv script timeout
manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager
[ -x "$manager" ] || skip "no release build; './dev package' makes one"
chmod 755 "$work"
mkdir -m 755 "$work/bin" "$work/parts"
cp "$manager" "$work/bin/kata-manager"

cat >"$work/world" <<'END'
mount --make-rprivate /
for folder in /run /opt /etc/kata-containers /var/lib/kata /usr/local/bin; do
	[ ! -d "$folder" ] || mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir -p /run/kata-it
touch "$1/ready"
while :; do sleep 1; done
END
mkdir -p /etc/kata-containers
unshare --mount bash "$work/world" "$work" >"$work/world.log" 2>&1 </dev/null &
outer=$!
disown "$outer"
cleanup kill -KILL "$outer"
eventually 20 "the machine ($work/world.log)" test -e "$work/ready"
inside() { nsenter -t "$outer" -m "$@"; }
km() { inside timeout 100 "$work/bin/kata-manager" "$@" </dev/null; }
tree() { inside find /opt /etc/kata-containers /usr/local/bin -printf '%p %y %m %s\n' | sort; }

km --help >"$work/help"
commands=$(sed -n '/^Commands:/,/^$/{s/^  \([a-z]*\) .*/\1/p}' "$work/help")
[ "$(wc -w <<<"$commands")" -ge 15 ] || fail "--help has too few commands: $commands"
documented=" $(sed -n '/^Status:/,$ {s/^  \([0-9]*\) .*/\1/p}' "$work/help" | tr '\n' ' ')"

# words COMMAND - what makes it whole.
words() {
	case $1 in
	config) echo "config show" ;;
	completion) echo "completion bash" ;;
	assemble) echo "assemble $work/parts" ;;
	*) echo "$1" ;;
	esac
}
# ends COMMAND... - runs it, leaves what it says in $work/out and $work/err, its status in $status.
ends() {
	status=0
	km "$@" >"$work/out" 2>"$work/err" || status=$?
	[[ $documented == *" $status "* ]] || fail "'$*' ends with $status, which --help does not document: $(cat "$work/err")"
}
says() { # WHAT PATTERN - in standard error
	expect_match "$1" "$2" "$(cat "$work/err")"
}

km config set hypervisor.qemu.default_memory 300
before=$(tree)
for command in $commands; do
	note "$command"
	read -ra whole <<<"$(words "$command")"

	ends "${whole[@]}" --otuput json
	expect "$command: status of a wrong option" 2 "$status"
	says "$command: the nearest option" "did you mean '--output'"

	ends "${whole[@]}" and more and more words
	expect "$command: status of too many words" "$([ "$command" = help ] && echo 0 || echo 2)" "$status"

	case $command in
	help | completion) ;;
	*)
		ends "${whole[@]}" -o jsn
		expect "$command: status of a wrong output" 2 "$status"
		says "$command: the outputs there are" json
		ends "${whole[@]}" -o json
		if [ "$status" = 0 ] || [ "$status" = 6 ] || [ -s "$work/out" ]; then
			expect "$command: objects" 1 "$(jq -s length "$work/out")"
			expect_match "$command: kind" '^[A-Z][A-Za-z]+$' "$(jq -r .kind "$work/out")"
			expect_match "$command: version of its form" '^kata-manager\.' "$(jq -r .apiVersion "$work/out")"
		else
			[ -s "$work/err" ] || fail "'$command' fails with $status and no word"
		fi
		;;
	esac

	if grep -q "'$command' takes no option '--dry-run'" <(km "${whole[@]}" --dry-run 2>&1); then
		dry=no
	else
		dry=yes
		ends "${whole[@]}" --dry-run
	fi
	case $command in
	install | upgrade | rollback | remove | config | recover | assemble | dismantle)
		expect "$command: --dry-run" yes $dry
		;;
	*) ;;
	esac

	# As somebody else: what changes something says who may.
	status=0
	inside setpriv --reuid 65534 --regid 65534 --clear-groups timeout 100 "$work/bin/kata-manager" "${whole[@]}" \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
	[[ $documented == *" $status "* ]] || fail "'$command' ends with $status for a user"
	case $command in
	install | upgrade | rollback | remove | recover | assemble | dismantle | test)
		expect "$command: status for a user" 4 "$status"
		says "$command: who may" "run it as root"
		;;
	*) ;;
	esac

	NO_COLOR=1 TERM=xterm-256color inside timeout 100 script -qec "$work/bin/kata-manager ${whole[*]}" /dev/null \
		>"$work/out" 2>&1 <<<n || true
	! grep -q $'\e\[[0-9;]*m' "$work/out" || fail "$command: colours in spite of NO_COLOR"
	expect "$command: what it changed" "$before" "$(tree)"
done

note "words that are not known"
ends inztall
expect "status" 2 "$status"
says "the nearest command" "did you mean 'install'"
ends config zhow
expect "status" 2 "$status"
says "the nearest word" "did you mean 'show'"
ends config set hypervisor.qemu.default_memroy 1
expect "status" 2 "$status"
says "the nearest key" "did you mean 'hypervisor.qemu.default_memory'"
ends config set hypervisor.qemu.default_memory
expect "status" 2 "$status"
says "its words" "config set KEY VALUE"
ends verify 1.0.0
expect "status" 1 "$status"
says "where they are" "kata-manager list"

note "what only says how it ended"
expect "a setting" Result "$(km config set hypervisor.qemu.default_memory 301 -o json | jq -r .kind)"
expect "the VMM" Result "$(km config use qemu -o json | jq -r .kind)"
expect "nothing to recover" "recover: no run was interrupted" "$(km recover)"
expect_status 2 km status -o name

note "a removal asks on a terminal, and wants a word without"
before=$(tree)
ends remove
expect "status" 2 "$status"
says "what is to be said" "say --yes"
status=0
asked n "$work/out" inside timeout 100 script -qec "$work/bin/kata-manager remove" /dev/null || status=$?
expect_match "the question" '\[y/N\]' "$(cat "$work/out")"
expect "status" 130 "$status"
expect "the machine" "$before" "$(tree)"
asked y "$work/out" inside timeout 100 script -qec "$work/bin/kata-manager remove" /dev/null
[ "$before" != "$(tree)" ] || fail "a removal that was wanted changed nothing: $(cat "$work/out")"
