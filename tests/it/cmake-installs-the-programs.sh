#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cmake --install brings the programs and the configuration to any prefix, where they find it; a warning is an error
# in our presets only, not for who builds with another compiler.
. "$(dirname "$0")/../lib.sh"

require cmake jq
for program in kata-runtime kata-deploy containerd-shim-kata-v2 kata-agent; do
	[ -x "$KATA_BUILD_DIR/bin/$program" ] || skip "no $KATA_BUILD_DIR/bin/$program; build it first"
done
prefix=$work/prefix
cmake --install "$KATA_BUILD_DIR" --prefix "$prefix" >"$work/log" || { cat "$work/log"; fail "cmake --install"; }
expect "programs" "containerd-shim-kata-v2 kata-agent kata-agent-ctl kata-deploy kata-runtime" \
	"$(find "$prefix/bin" -type f -perm -1 -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
expect_match "version" "$(cat "$top/VERSION")" "$("$prefix/bin/kata-runtime" version)"
"$prefix/bin/kata-runtime" --config "$prefix/share/defaults/kata-containers/configuration.toml" env --json >"$work/env"
expect "configuration" "$prefix/share/defaults/kata-containers/configuration.toml" "$(jq -r .Runtime.Config.Path "$work/env")"
expect_match "where it is searched" "$prefix/share/defaults/kata-containers/configuration.toml" \
	"$("$prefix/bin/kata-runtime" --show-default-config-paths)"

if grep -rn -e '-Werror' --include=CMakeLists.txt --include='*.cmake' "$top/CMakeLists.txt" "$top/lib" "$top/runtime" \
	"$top/agent" "$top/deploy"; then
	fail "-Werror outside the presets"
fi
expect "the presets' warnings" ON "$(jq -r '.configurePresets[] | select(.name == "base").cacheVariables.CMAKE_COMPILE_WARNING_AS_ERROR' "$top/CMakePresets.json")"
