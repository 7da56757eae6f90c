#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# breaks - every row of tests/torture/mutants names lines that its file has, once.
. "$(dirname "$0")/common.sh"

take files 'tests/torture/mutants/*.txt'
stale() { tests/torture/mutants.sh --stale >"$said" || matches '^stale' "$said"; }
said=$(mktemp)
trap 'rm -f "$said"' EXIT
complain_of "" stale
grep -qE '^0 killed, 0 survived, [0-9]+ stale$' "$said" || die "mutants.sh did not end: $(tail -n 1 "$said")"
finish
