#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# spelling - no common misspelling in code, comments and pages (.codespellrc says which words are right).
. "$(dirname "$0")/common.sh"

mapfile -t all < <(files . | grep -vE '/corpus/|go\.(mod|sum)$|LICENSE')
codespell "${all[@]}" || complain "codespell complains"
finish
