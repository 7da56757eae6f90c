#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# shell - shellcheck finds nothing in any script, whatever it is called.
#
# A script found clean is not read again while it, all scripts that others source, shellcheck and its settings are
# the same: a file in the cache, named by their hash, stands for each.
. "$(dirname "$0")/common.sh"
need shellcheck

clean=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}/lint/shell
{ mkdir -p "$clean" && [ -w "$clean" ]; } 2>/dev/null || { # the cache is root's
	clean=$(mktemp -d)
	trap 'rm -rf "$clean"' EXIT
}
find "$clean" -type f -mtime +30 -delete

scripts() { files . | matches -v /corpus/ | xargs -r -d '\n' grep -lIE '^#!/bin/(ba)?sh' || [ $? = 123 ]; }
sourced() { for file in "${all[@]}"; do [ -x "$file" ] || echo "$file"; done; }
check() { # FILE KEY
	shellcheck "$1" && : >"$2"
}
export -f check

take scripts
common=$({ shellcheck --version && cat .shellcheckrc && sourced | xargs -r -d '\n' cat; } | sha256sum)
for file in "${all[@]}"; do
	key=$clean/$({ echo "$common $file" && cat "$file"; } | sha256sum | cut -c1-64)
	[ -e "$key" ] || printf '%s\0%s\0' "$file" "$key"
done | xargs -0 -r -n 2 -P 2 bash -c 'check "$@"' check || complain "shellcheck complains"
finish
