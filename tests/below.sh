#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# below.sh - the processes of a process.  Sourced by tests/run and dev.

# below PID - every process below it, parents first.
below() {
	local child
	for child in $(ps -o pid= --ppid "$1"); do
		echo "$child"
		below "$child"
	done
}
