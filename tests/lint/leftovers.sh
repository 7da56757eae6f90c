#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# leftovers - nothing that says "not finished", no binary.
. "$(dirname "$0")/common.sh"

# These two name what is looked for.
texts() { files . | matches -vE '/corpus/|go\.sum$|^(tests/lint/leftovers\.sh|STYLE\.md)$'; }
unfinished() { matches -nIE '\b(TODO|FIXME|XXX|HACK)\b' "${all[@]}"; }
# -I takes a file with a NUL byte for one that matches nothing.
binaries() { matches -LI '' "${all[@]}"; }
take texts
complain_of "" unfinished
complain_of "a binary file" binaries
finish
