#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A real CRI-O runs sandboxes of ours as soon as it was restarted, and not before: a reload lists a handler
# and runs what was there, which only the sandbox tells.  A handler that somebody left is replaced as a
# whole, and CRI-O goes on without ours when they are gone.  That it cannot have what a sandbox in a VM needs is
# known before a change.
#
# KATA_TEST_CRIO is a folder with crio, conmon and pinns; there is no package of it.
# timeout: 300
. "$(dirname "$0")/../lib.sh"

programs=${KATA_TEST_CRIO:-}
[ -n "$programs" ] || skip "KATA_TEST_CRIO names no folder with crio, conmon and pinns"
[ -x "$programs/crio" ] || skip "no crio in '$programs', which KATA_TEST_CRIO names"
require_root
require python3 runc unshare nsenter
edit=$KATA_BUILD_DIR/bin/engine-edit trial=$KATA_BUILD_DIR/bin/engine-trial
[ -x "$edit" ] || skip "no $edit; build it first"
[ -x "$trial" ] || skip "no $trial; build it first"
release=${KATA_DIST_DIR:-$top/build/dist}/kata
[ -x "$release/bin/containerd-shim-kata-v2" ] || skip "no release in '$release'; './dev package' makes one"
images=$("$top/packaging/artefact" test-images)
socket=/run/crio/crio.sock etc=$work/etc kata=$work/kata
note "$("$programs/crio" --version | head -n 1)"

cp -a "$release" "$kata"
config=$kata/share/defaults/kata-containers/configuration-qemu.toml
mkdir -p "$kata/share/defaults/kata-containers/config.d" "$etc/crio.conf.d" "$work/image"
printf '[hypervisor.qemu]\nallow_emulation = true\ndefault_memory = 256\n' \
	>"$kata/share/defaults/kata-containers/config.d/10-test.toml"

# It cannot import an image.
python3 "$top/tests/cluster/registry.py" 127.0.0.1 0 "$work/image" >"$work/port" 2>"$work/registry.log" &
registry=$!
cleanup kill "$registry"
eventually 20 "the registry's port" test -s "$work/port"

printf '[[registry]]\nlocation = "localhost:%s"\ninsecure = true\n' "$(cat "$work/port")" >"$work/registries.conf"
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

echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
cat >"$etc/crio.conf" <<-END
	# what there was
	[crio]
	root = "$work/storage"
	runroot = "/run/containers/storage"
	storage_driver = "vfs"
	version_file_persist = ""
	clean_shutdown_file = ""
	[crio.api]
	listen = "$socket"
	stream_port = "0"
	[crio.image]
	pause_image = "localhost:$(cat "$work/port")/pause:1"
	signature_policy = "$work/policy.json"
	[crio.network]
	network_dir = "$work/cni"
	plugin_dirs = ["/usr/lib/cni"]
	[crio.runtime]
	cgroup_manager = "cgroupfs"
	default_runtime = "runc"
	conmon = "$programs/conmon"
	conmon_cgroup = "pod"
	pinns_path = "$programs/pinns"
	[crio.runtime.runtimes.runc]
	runtime_path = "$work/runc"
	monitor_path = "$programs/conmon"
	monitor_cgroup = "pod"
END
printf '[crio.runtime.runtimes.kata-qemu]\nruntime_path = "%s"\nruntime_type = "oci"\nruntime_pull_image = true' \
	"$work/runc" >"$etc/crio.conf.d/99-kata-deploy"

cat >"$work/init" <<-END
	mount --make-rprivate /
	mount -t tmpfs -o mode=755 tmpfs /run

	while :; do
		"$programs/crio" --registries-conf "$work/registries.conf" --config "$etc/crio.conf" --config-dir "$etc/crio.conf.d" >>"$work/crio.log" 2>&1 &
		echo \$! >/run/crio.pid
		wait \$!
		sleep 0.2
	done
END
unshare --mount --pid --fork --kill-child --mount-proc bash "$work/init" >"$work/init.log" 2>&1 </dev/null &
outer=$!
cleanup stop_crio

stop_crio() {
	[ "${ending:-}" = well ] || tail -n 25 "$work/crio.log" | cut -c1-300
	kill -KILL "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
}

find_init() { read -r init <"/proc/$outer/task/$outer/children" || [ -n "$init" ]; }
inside() { nsenter -t "$init" -m -p "$@"; }
tries() { status=0 said=$(inside "$trial" $socket kata-qemu "$kata" 2>&1) || status=$?; }
is_serving() { [[ $(inside "$trial" $socket none /none 2>&1 || true) == *"'none'"* ]]; }
crio_pid() { inside cat /run/crio.pid; }
is_another() { [ "$(crio_pid)" != "$1" ] && is_serving; }

restart() {
	local old
	old=$(crio_pid)
	inside kill "$old"
	eventually 60 "another CRI-O" is_another "$old"
}

eventually 10 "pid 1 of CRI-O's namespace" find_init
eventually 60 "CRI-O to serve" is_serving

note "what is asked before a change"
prepares() { status=0 said=$(inside "$trial" $socket 2>&1) || status=$?; }
prepares
expect_match "without the image of sandboxes" "^3 the container runtime runs no sandbox at all: .*pause:1" "$status $said"
cp "$images/pause.tar" "$work/image/"
prepares
expect "with it" "0 " "$status $said"

note "what somebody left under our name"
tries
expect_match "a handler that leads elsewhere" '^1 .*no shim of ours' "$status $said"

note "ours, reloaded"
expect_status 0 "$edit" "$programs/crio" "$etc" present crio
expect_status 2 "$edit" "$programs/crio" "$etc" present crio
! grep -rq runtime_pull_image "$etc" || fail "a key of theirs has stayed"
sed -i "s#/opt/kata/bin#$kata/bin#; s#/opt/kata/c.toml#$config#" "$etc/crio.conf.d/kata-deploy.conf"
inside kill -HUP "$(crio_pid)"
eventually 20 "the reload" grep -q 'Reloading configuration\|Configuration reload' "$work/crio.log"
tries
expect_match "a handler that was only reloaded" '^1 .*no shim of ours' "$status $said"

note "restarted"
restart
tries
expect "ours after the restart" "0 " "$status $said"
inside bash -c '[ -z "$(ls -A /run/vc/sbs)" ]' || fail "a sandbox has stayed"

note "gone"
sed -i "s#$kata/bin#/opt/kata/bin#; s#$config#/opt/kata/c.toml#" "$etc/crio.conf.d/kata-deploy.conf"
expect_status 0 "$edit" "$programs/crio" "$etc" absent crio
expect "files" "99-kata-deploy" "$(ls "$etc/crio.conf.d")"
restart
tries
expect_match "no handler" '^1 .*kata-qemu' "$status $said"
ending=well
