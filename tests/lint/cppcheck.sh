#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cppcheck - warnings, portability and performance findings are errors.
#
# normalCheckLevelMaxBranches and missingInclude are about cppcheck itself, not about the code.  It knows no
# machine: ours is named.
. "$(dirname "$0")/common.sh"
need cppcheck

take c_files "${code[@]}"
cppcheck -q -j 2 --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
	--suppress=missingInclude --suppress=unknownMacro -I "$top" -D_GNU_SOURCE -D__x86_64__ \
	'-D_cleanup_(x)=' '-D_printf_(a,b)=' -D_free_= -D_close_= -D_strv_= -D_buf_= -D_json_= -D_unused_= \
	"${all[@]}" || complain "cppcheck complains"
finish
