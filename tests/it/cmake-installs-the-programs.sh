#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cmake --install brings the programs, their manual pages and completions and the configuration to any prefix, where they
# find it, by the usual variables; a warning is an error in our presets only, not for who builds with another compiler.
. "$(dirname "$0")/../lib.sh"

require cmake jq
for program in kata-runtime kata-deploy kata-manager kubectl-kata containerd-shim-kata-v2 kata-agent; do
	[ -x "$KATA_BUILD_DIR/bin/$program" ] || skip "no $KATA_BUILD_DIR/bin/$program; build it first"
done
prefix=$work/prefix
cmake --install "$KATA_BUILD_DIR" --prefix "$prefix" >"$work/log" || { cat "$work/log"; fail "cmake --install"; }
expect "programs" "containerd-shim-kata-v2 kata-agent kata-agent-ctl kata-deploy kata-manager kata-runtime kubectl-kata kubectl_complete-kata" \
	"$(find "$prefix/bin" -type f -perm -1 -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
for name in kata-collect-data kata-collect-data.sh; do
	expect "$name" kata-manager "$(readlink "$prefix/bin/$name")"
	expect_match "its version" "^kata-collect-data $(cat "$top/VERSION") " "$("$prefix/bin/$name" -v)"
done
expect_match "version" "$(cat "$top/VERSION")" "$("$prefix/bin/kata-runtime" version)"
"$prefix/bin/kata-runtime" --config "$prefix/share/defaults/kata-containers/configuration.toml" env --json >"$work/env"
expect "configuration" "$prefix/share/defaults/kata-containers/configuration.toml" "$(jq -r .Runtime.Config.Path "$work/env")"
expect_match "where it is searched" "$prefix/share/defaults/kata-containers/configuration.toml" \
	"$("$prefix/bin/kata-runtime" --show-default-config-paths)"

note "manual pages name all that the programs and the table of keys have"
man=$prefix/share/man
pages() { sed -n '/^\.TP/{n;s/^\.B //;s/\\-/-/g;s/ .*//;p}' "$1" | sort -u; }
"$prefix/bin/kata-deploy" --help | sed -nE 's/^  ([-A-Za-z0-9_]+) .*/\1/p' | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 20 ] || fail "--help of kata-deploy has too few rows"
diff "$work/wanted" <(pages "$man/man8/kata-deploy.8") || fail "kata-deploy.8 differs from --help"
"$prefix/bin/kata-runtime" --help | sed -nE 's/^  ([a-z-]+)(,.*|$| .*)/\1/p' | sort -u >"$work/wanted"
diff "$work/wanted" <(pages "$man/man8/kata-runtime.8" | tr -d ,) || fail "kata-runtime.8 differs from --help"
"$prefix/bin/kata-manager" --help | sed -nE 's/^  ([^ ]+) .*/\1/p' | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 20 ] || fail "--help of kata-manager has too few rows"
diff "$work/wanted" <(pages "$man/man8/kata-manager.8") || fail "kata-manager.8 differs from --help"
"$prefix/bin/kata-collect-data" --help | sed -nE 's/^  ([^ ]+) .*/\1/p' | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 8 ] || fail "--help of kata-collect-data has too few rows"
diff "$work/wanted" <(pages "$man/man8/kata-collect-data.8") || fail "kata-collect-data.8 differs from --help"
"$prefix/bin/kubectl-kata" --help | sed -nE 's/^  ([^ ]+) .*/\1/p' | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 20 ] || fail "--help of kubectl-kata has too few rows"
diff "$work/wanted" <(pages "$man/man1/kubectl-kata.1") || fail "kubectl-kata.1 differs from --help"
{
	sed -nE 's/^\| `([a-z_0-9]+)` \| [^`].*/\1/p' "$top/docs/configuration.md"
	# Of upstream's files: the table, and the key or all that are left.
	sed -nE 's/^\| `([a-z_.0-9]+)` \| `([a-z_.0-9]+)` \|.*/\1.\2/p' "$top/docs/configuration.md" | sed 's/\.\.\.$/*/'
} | sort -u >"$work/wanted"
[ "$(wc -l <"$work/wanted")" -gt 40 ] || fail "docs/configuration.md has too few keys"
diff "$work/wanted" <(pages "$man/man5/kata-configuration.5") || fail "kata-configuration.5 differs from the table"

note "completion"
for program in kata-manager kata-collect-data kata-runtime kata-deploy kubectl-kata; do
	for file in bash:bash-completion/completions/$program zsh:zsh/site-functions/_$program fish:fish/vendor_completions.d/$program.fish; do
		cmp <("$prefix/bin/$program" completion "${file%%:*}") "$prefix/share/${file#*:}"
	done
done
bash -n "$prefix"/share/bash-completion/completions/*
complete() { "$prefix/bin/kata-runtime" __complete -- "$@" | paste -sd' '; }
expect "commands that fit" "env exec :4" "$(complete e)"
expect "what a command takes" "remove resize :4" "$(complete --config x direct-volume r)"
expect "its options" "-v --verbose :4" "$(complete check -)"
expect "options before it" "--config :4" "$(complete --c)"

note "the usual variables"
cmake -G Ninja -S "$top" -B "$work/build" "-DKATA_PARTS=lib;agent;runtime;deploy;manager" -DCMAKE_INSTALL_PREFIX=/opt/p \
	-DCMAKE_INSTALL_BINDIR=lib/kata/bin -DCMAKE_INSTALL_DATAROOTDIR=data -DCMAKE_INSTALL_MANDIR=/handbook >"$work/log" ||
	{ cat "$work/log"; fail "cmake"; }
rm -rf "$work/build/bin"
ln -s "$KATA_BUILD_DIR/bin" "$work/build/bin"
DESTDIR=$work/stage cmake --install "$work/build" >"$work/log" || { cat "$work/log"; fail "cmake --install"; }
stage=$work/stage/opt/p
expect "what is on top" "data lib" "$(cd "$stage" && echo *)"
expect "beside it" "handbook opt" "$(cd "$work/stage" && echo *)"
expect "manual pages" "$(find "$man" -type f | wc -l)" "$(find "$work/stage/handbook" -name '*.[158]' | wc -l)"
expect "completions" "$(cd "$prefix/share" && find bash-completion zsh fish -type f | sort)" \
	"$(cd "$stage/data" && find bash-completion zsh fish -type f | sort)"
expect_match "where configuration is searched" "$stage/lib/kata/share/defaults/kata-containers/configuration.toml" \
	"$("$stage/lib/kata/bin/kata-runtime" --show-default-config-paths)"
[ -f "$stage/lib/kata/share/defaults/kata-containers/configuration.toml" ] || fail "it is not there"

note "warnings"
if grep -rn -e '-Werror' --include=CMakeLists.txt --include='*.cmake' "$top/CMakeLists.txt" "$top/lib" "$top/runtime" \
	"$top/agent" "$top/deploy" "$top/manager"; then
	fail "-Werror outside the presets"
fi
expect "the presets' warnings" ON "$(jq -r '.configurePresets[] | select(.name == "base").cacheVariables.CMAKE_COMPILE_WARNING_AS_ERROR' "$top/CMakePresets.json")"
