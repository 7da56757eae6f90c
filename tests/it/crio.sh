#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crio.sh - a real CRI-O with namespaces of its own, and a registry, since it cannot import an image.  Sourced by
# tests/it/*.sh; start_crio starts it.
#
# shellcheck disable=SC2034,SC2154 # some names are for the tests only; top and work are lib.sh's
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source-path=SCRIPTDIR/.. source=crio.sh
. "$top/tests/crio.sh"
require_root
require python3 runc unshare nsenter
release=${KATA_DIST_DIR:-$top/build/dist}/kata
[ -x "$release/bin/containerd-shim-kata-v2" ] || skip "no release in '$release'; './dev package' makes one"
images=$("$top/packaging/artefact" test-images)
etc=$work/etc kata=$work/kata
note "$("$programs/crio" --version | head -n 1)"

cp -a "$release" "$kata"
config=$kata/share/defaults/kata-containers/configuration-qemu.toml
mkdir -p "$kata/share/defaults/kata-containers/config.d" "$etc/crio.conf.d" "$work/image"
printf '[hypervisor.qemu]\nallow_emulation = true\ndefault_memory = 256\n' \
	>"$kata/share/defaults/kata-containers/config.d/10-test.toml"

# A machine without CAP_SYS_RESOURCE refuses a negative oom_score_adj, which CRI-O always asks for.
cat >"$work/runc" <<-END
	#!$(command -v python3)
	import json, os, sys
	if "--bundle" in sys.argv:
	    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
	    spec = json.load(open(path))
	    spec["process"].pop("oomScoreAdj", None)
	    json.dump(spec, open(path, "w"))
	os.execv("$(command -v runc)", sys.argv)
END
chmod +x "$work/runc"

crio_config "$etc/crio.conf" "$work" "$work/storage" vfs localhost:5000/pause:1 "$work/runc"

stop_crio() {
	[ "${ending:-}" = well ] || tail -n 25 "$work/crio.log" | cut -c1-300
	kill -KILL "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
}

find_init() { read -r init <"/proc/$outer/task/$outer/children" || [ -n "$init" ]; }
inside() { nsenter -t "$init" -m -p -n "$@"; }
is_serving() { inside python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('$socket')" 2>/dev/null; }
crio_pid() { inside cat /run/crio.pid; }
is_another() { [ "$(crio_pid)" != "$1" ] && is_serving; }

restart() {
	local old
	old=$(crio_pid)
	inside kill "$old"
	eventually 60 "another CRI-O" is_another "$old"
}

# start_crio - with what lies in $etc.
start_crio() {
	cat >"$work/init" <<-END
		mount --make-rprivate /
		mount -t tmpfs -o mode=755 tmpfs /run
		ip link set lo up
		mkdir -p /run/cni
		python3 "$top/tests/cluster/registry.py" ${registry/:/ } "$work/image" >"$work/registry.log" 2>&1 &
		while :; do
			"$programs/crio" --registries-conf "$work/registries.conf" --config "$etc/crio.conf" --config-dir "$etc/crio.conf.d" >>"$work/crio.log" 2>&1 &
			echo \$! >/run/crio.pid
			wait \$!
			sleep 0.2
		done
	END
	unshare --mount --pid --net --fork --kill-child --mount-proc bash "$work/init" >"$work/init.log" 2>&1 </dev/null &
	outer=$!
	cleanup stop_crio
	eventually 10 "pid 1 of CRI-O's namespace" find_init
	eventually 60 "CRI-O to serve" is_serving
	# It says its port.
	eventually 60 "the registry to serve" test -s "$work/registry.log"
}
