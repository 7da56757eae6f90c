#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/guest makes an initrd whose members are those of the table, the same bytes each time, and
# refuses an agent that cannot be first process or makes it larger than 2 MiB.
. "$(dirname "$0")/../lib.sh"

require gcc musl-gcc cpio readelf
initrd=$top/packaging/guest/initrd.sh
echo 'int main(void) { return 0; }' >"$work/agent.c"
musl-gcc -static -s -o "$work/agent" "$work/agent.c"

note "the same bytes at another time"
"$initrd" "$work/agent" "$work/one"
touch -d 2001-01-01 "$work/agent"
"$initrd" "$work/agent" "$work/two"
cmp "$work/one" "$work/two"

note "its members"
list=$(cpio -itv --quiet <"$work/one")
expect_match "the first process" '-rwxr-xr-x +1 root +root +[0-9]+ Jan +1 +1970 init' "$list"
expect_match "the console" 'crw------- +1 root +root +5, +1 .* dev/console' "$list"
mkdir "$work/unpacked"
(cd "$work/unpacked" && cpio -i --quiet init <"$work/one")
cmp "$work/agent" "$work/unpacked/init"

note "with iptables"
"$initrd" "$work/agent" "$work/more" "$work/agent"
expect_match "iptables" '-rwxr-xr-x .* sbin/xtables-legacy-multi' "$(cpio -itv --quiet <"$work/more")"

note "what it refuses"
gcc -o "$work/dynamic" "$work/agent.c"
output=$("$initrd" "$work/dynamic" "$work/three" 2>&1) && fail "a dynamic agent was accepted"
expect_match "a dynamic agent" 'needs shared libraries' "$output"
truncate -s 3M "$work/agent"
output=$("$initrd" "$work/agent" "$work/three" 2>&1) && fail "an agent of 3 MiB was accepted"
expect_match "a large agent" 'more than 2097152' "$output"

if [ -f "$top/build/dist/kata/share/kata-containers/kata-containers-initrd.img" ]; then
	note "the real one"
	size=$(stat -c %s "$top/build/dist/kata/share/kata-containers/kata-containers-initrd.img")
	[ "$size" -le 2097152 ] || fail "the release's initrd has $size bytes"
fi
