#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A real CRI-O runs sandboxes of ours as soon as it was restarted, and not before: a reload lists a handler
# and runs what was there, which only the sandbox tells.  A handler that somebody left is replaced as a
# whole, and CRI-O goes on without ours when they are gone.  That it cannot have what a sandbox in a VM needs is
# known before a change.
# timeout: 300
. "$(dirname "$0")/crio.sh"

build=${KATA_BUILD_DIR:-$top/build/dev}
edit=$build/bin/engine-edit trial=$build/bin/engine-trial
[ -x "$edit" ] || skip "no $edit; build it first"
[ -x "$trial" ] || skip "no $trial; build it first"
tries() { status=0 said=$(inside "$trial" $socket kata-qemu "$kata" 2>&1) || status=$?; }

printf '[crio.runtime.runtimes.kata-qemu]\nruntime_path = "%s"\nruntime_type = "oci"\nruntime_pull_image = true' \
	"$work/runc" >"$etc/crio.conf.d/99-kata-deploy"
start_crio

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
