#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/kernel/merge fails when a symbol of a fragment does not survive, and says which, from
# where, wanted and got.  The kernel tree is a small one made here: its make(1) drops what depends on
# a symbol that is not set, as Kconfig does.
. "$(dirname "$0")/../lib.sh"

require make awk
merge=$top/packaging/kernel/merge
tree=$work/tree
mkdir "$tree"
printf 'config %s\n' NET VSOCKETS NAME LINE >"$tree/Kconfig"
cat >"$tree/Makefile" <<'END'
allnoconfig:
	@echo '# CONFIG_NET is not set' >.config
olddefconfig:
	@grep -q '^CONFIG_NET=y' .config || sed -i '/VSOCKETS/d' .config
END

fragment() { # NAME LINE...
	local file=$work/$1.conf
	shift
	printf '%s\n' '# a purpose' "$@" >"$file"
}

# refused PATTERN FRAGMENT... - merge fails and says so
refused() {
	local pattern=$1 output
	shift
	output=$("$merge" "$tree" "${@/#/$work/}" 2>&1) && fail "merge accepted $*"
	expect_match "what merge says of $*" "$pattern" "$output"
}

fragment net 'CONFIG_NET=y' 'CONFIG_NAME="-kata"' 'CONFIG_LINE="a=1 b=2"'
fragment vsock 'CONFIG_VSOCKETS=y'
fragment typo 'CONFIG_VSOCKTES=y'
fragment off '# CONFIG_NET is not set'
fragment broken 'CONFIG_NET = y'

note "all survive"
"$merge" "$tree" "$work/net.conf" "$work/vsock.conf"
expect "lines of the result" 4 "$(grep -c '=' "$tree/.config")"

note "a dependency is missing"
refused 'VSOCKETS \(vsock.conf\): wanted y, got n' vsock.conf

note "an unknown symbol, a symbol set twice, a line that is none"
refused 'VSOCKTES \(typo.conf\) does not exist' net.conf typo.conf
refused 'NET is set in net.conf and again in off.conf' net.conf off.conf
refused 'broken.conf:2: not a symbol' broken.conf
