#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# initrd.sh - make the guest's root: an initrd with the agent, and the one program that it runs beside containers.
#
#   packaging/guest/initrd.sh AGENT OUT [IPTABLES]
#
# IPTABLES is what the agent shows and changes the packet filter with (agent/network/iptables.c).
#
# Not compressed: unpacking costs the boot more than copying the few hundred KiB, and the release is
# compressed as a whole.
set -euo pipefail
[ $# = 2 ] || [ $# = 3 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
here=$(dirname "$(readlink -f "$0")")
agent=$1 out=$2
size_max=$((2 * 1024 * 1024))

if readelf -l "$agent" 2>/dev/null | grep -q INTERP; then
	echo "initrd: '$agent' needs shared libraries; only a static agent can be first process" >&2
	exit 1
fi
table() {
	cat "$here/initrd.table"
	[ -z "$1" ] || printf 'dir sbin 0755\nfile sbin/xtables-legacy-multi 0755 iptables\n'
}
"$here/mkcpio" <(table "${3:-}") "$out" "kata-agent=$agent" "iptables=${3:-}"
size=$(stat -c %s "$out")
if [ "$size" -gt $size_max ]; then
	echo "initrd: $out has $size bytes, more than $size_max; is the agent stripped?" >&2
	exit 1
fi
