#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# shell - shellcheck finds nothing in any script, whatever it is called.
. "$(dirname "$0")/common.sh"

mapfile -t scripts < <(files . | xargs -r grep -lIE '^#!/bin/(ba)?sh' | grep -v /corpus/ | sort -u)
shellcheck "${scripts[@]}" || complain "shellcheck complains"
finish
