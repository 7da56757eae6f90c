#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# shell - shellcheck finds nothing in any script, whatever it is called.
. "$(dirname "$0")/common.sh"
need shellcheck

scripts() { files . | matches -v /corpus/ | xargs -r -d '\n' grep -lIE '^#!/bin/(ba)?sh' || [ $? = 123 ]; }
take scripts
shellcheck "${all[@]}" || complain "shellcheck complains"
finish
