#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# spelling - no common misspelling in code, comments and pages (.codespellrc says which words are right).
. "$(dirname "$0")/common.sh"
need codespell

texts() { files . | matches -vE '/corpus/|go\.(mod|sum)$|LICENSE'; }
take texts
codespell "${all[@]}" || complain "codespell complains"
finish
