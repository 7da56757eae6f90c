#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# common.sh - names, paths and small helpers shared by the cluster's scripts.  Sourced, never run.
#
# Everything a cluster owns carries its name: the state folder, the network namespaces and the
# cgroups.  So several clusters live side by side, and `down` finds all of one and nothing else.
# shellcheck disable=SC2034 # the names are for the scripts that source this one

cluster_name=${KATA_CLUSTER:-demo}
state=${KATA_CLUSTER_DIR:-/var/lib/kata-cluster}/$cluster_name
netns=kata-$cluster_name
bridge_ip=10.99.0.1
pod_net=10.244
service_net=10.96.0.0/16

say() { echo "cluster: $*" >&2; }
die() {
	say "$*"
	exit 1
}

node_index() { # NAME -> the number at its end, which also numbers its addresses
	[[ $1 =~ ^[a-z]+([1-9][0-9]?)$ ]] || die "node '$1': a name is letters and a number from 1 to 99, such as n1"
	echo "${BASH_REMATCH[1]}"
}

node_ip() { echo "10.99.0.$((10 + $(node_index "$1")))"; }

node_dir() { echo "$state/nodes/$1"; }

wait_for() { # SECONDS WHAT COMMAND...: polls until COMMAND succeeds
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		((SECONDS < deadline)) || { say "gave up waiting: $what"; return 1; }
		sleep 0.05
	done
}

# A process is remembered by pid and start time, so that a reused pid is never taken for it.  A
# zombie counts as gone: who reaps it, and when, is its parent's matter.
start_time() { # PID
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	[ "${stat:0:1}" != Z ] || return 1
	awk '{ print $20 }' <<<"$stat"
}

remember() { # FILE PID: fails if that process is gone
	local began
	began=$(start_time "$2") || return 1
	echo "$2 $began" >"$1"
}

alive() { # FILE -> the pid, if its process still lives
	local pid began now
	read -r pid began 2>/dev/null <"$1" || return 1
	now=$(start_time "$pid") && [ "$now" = "$began" ] || return 1
	echo "$pid"
}

gone() { ! alive "$1" >/dev/null; }

end_process() { # FILE: kills the process it names and waits for its end
	local pid
	if pid=$(alive "$1"); then
		kill -KILL "$pid" 2>/dev/null || true
		wait_for 30 "the end of process $pid" gone "$1"
	fi
	rm -f "$1"
}
