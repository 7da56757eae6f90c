#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# owner - what installs for anybody names nobody: no program's name in lib/host and lib/kube (lib/owner.h).
#
# Examples in comments may; so comments go first.
. "$(dirname "$0")/common.sh"
need gcc

names='kata-(deploy|manager)'
spelled() { # FILE
	local code
	code=$(gcc -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null) || die "gcc cannot read $1"
	matches -E "$names" <<<"$code"
}
take sources lib/host lib/kube
for file in "${all[@]}"; do
	complain_of "$file: the name is the owner's to say" spelled "$file"
done
finish
