#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# The script that each program prints for bash, zsh and fish is loaded by that shell without a word, and completes what
# somebody began: commands, options, keys.  zsh is driven by a terminal of its own, as nothing else completes there.
. "$(dirname "$0")/../lib.sh"

require bash zsh fish
build=${KATA_BUILD_DIR:-$top/build/dev}/bin
programs="kata-manager kata-collect-data kata-runtime kata-deploy kubectl-kata"
for program in $programs; do
	[ -x "$build/$program" ] || skip "no $build/$program; build it first"
done
export PATH=$build:$PATH HOME=$work ZDOTDIR=$work XDG_CONFIG_HOME=$work XDG_DATA_HOME=$work TERM=xterm
mkdir "$work/scripts"

# What is begun, and what it becomes: where there is one word only, all shells write it.
cases='
kata-manager|kata-manager inst|install
kata-manager|kata-manager config show --outp|--output
kata-manager|kata-manager config set hypervisor.qemu.default_mem|hypervisor.qemu.default_memory
kata-manager|kata-manager diagnose -o ht|html
kata-manager|kata-manager config uns|unset
kata-manager|kata-manager completion fi|fish
kata-collect-data|kata-collect-data --deb|--debug
kata-collect-data|kata-collect-data -o mark|markdown
kata-runtime|kata-runtime direct|direct-volume
kata-runtime|kata-runtime check --verb|--verbose
kata-deploy|kata-deploy uninst|uninstall
kata-deploy|kata-deploy --dry|--dry-run
kubectl-kata|kubectl-kata diag|diagnose
kubectl-kata|kubectl-kata status --request-|--request-timeout
'

cat >"$work/ask.bash" <<'END'
set -u
source "$1"
line=$2
read -ra COMP_WORDS <<<"$line"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function=$(complete -p "${COMP_WORDS[0]}" | sed -E 's/.*-F ([^ ]+) .*/\1/')
COMPREPLY=()
"$function"
printf '%s\n' "${COMPREPLY[@]}"
END

# A key of its own prints what the line has become.
cat >"$work/ask.zsh" <<'END'
zmodload zsh/zpty
zpty shell "zsh -f -i"
await() {
	local got="" piece
	repeat 600; do
		while zpty -rt shell piece; do got+=$piece; done
		[[ $got == *$1* ]] && { print -r -- "$got"; return 0 }
		sleep 0.05
	done
	print -r -- "$got"
	return 1
}
zpty -w shell "PS1=; autoload -U compinit; compinit -D -u; source $1; show() { print -r -- \"<<\$BUFFER>>\"; BUFFER=; zle redisplay }; zle -N show; bindkey '^X' show; print re''ady-one"
await ready-one >/dev/null || exit 1
zpty -w -n shell "$2"$'\t'
zpty -w -n shell $'\x18'
await '>>'
zpty -d shell
END

for program in $programs; do
	for shell in bash zsh fish; do
		"$program" completion "$shell" >"$work/scripts/$program.$shell"
	done
	expect_match "a shell that it does not know" "bash.*zsh.*fish" "$("$program" completion tcsh 2>&1 || true)"
	note "$program"
	expect "bash loads it without a word" "" "$(bash -u -c "source '$work/scripts/$program.bash'" 2>&1)"
	expect "zsh loads it without a word" "" \
		"$(zsh -f -c "autoload -U compinit; compinit -D -u; source '$work/scripts/$program.zsh'" 2>&1)"
	expect "fish loads it without a word" "" "$(fish --no-config -c "source '$work/scripts/$program.fish'" 2>&1)"
done

while IFS='|' read -r program begun becomes; do
	[ -n "$program" ] || continue
	note "$begun"
	expect "bash" "$becomes" "$(bash "$work/ask.bash" "$work/scripts/$program.bash" "$begun" | head -n 1)"
	expect_match "fish" "^$becomes\$" \
		"$(fish --no-config -c "source '$work/scripts/$program.fish'; complete -C '$begun'" | cut -f1 | head -n 1)"
	expect_match "zsh" "<<${begun% *} $becomes ?>>" "$(zsh -f "$work/ask.zsh" "$work/scripts/$program.zsh" "$begun")"
done <<<"$cases"
