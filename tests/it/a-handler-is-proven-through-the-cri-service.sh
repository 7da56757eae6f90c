#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What makes a node ready is a sandbox that its engine ran as for a pod, with our shim: the handler that
# somebody left under our name, with a snapshotter that is gone, does not pass, nor does one that leads
# elsewhere; taken over as a whole it does.  Where the engine runs no sandbox at all, that is said.
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
containerd_disabled= # its CRI service is what is asked
containerd_plugins='[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "kata.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata-qemu]
    runtime_type = "io.containerd.kata-qemu.v2"
    pod_annotations = ["io.katacontainers.*"]
    snapshotter = "nydus"'
. "$(dirname "$0")/testing.sh"

edit=$KATA_BUILD_DIR/bin/engine-edit trial=$KATA_BUILD_DIR/bin/engine-trial
[ -x "$edit" ] || skip "no $edit; build it first"
[ -x "$trial" ] || skip "no $trial; build it first"
socket=/run/containerd/containerd.sock
etc=$work/etc

# Cgroups of the CRI service's containers have no name of this test.
no_cri_cgroups() { rmdir /sys/fs/cgroup{,/*}/k8s.io 2>/dev/null || true; }
cleanup no_cri_cgroups

is_serving() { [[ $(inside "$trial" $socket none /none 2>&1 || true) == *"'none'"* ]]; }

# restart - containerd with the configuration in $etc.
restart() {
	local pid
	pid=$(inside cat /run/containerd.pid)
	inside kill "$pid"
	eventually 20 "containerd to end" bash -c "! nsenter -t $init -m -p kill -0 $pid"
	inside bash -c "PATH=$kata/bin:$containerd_bin:\$PATH
		nohup containerd --config $etc/config.toml >>$work/containerd.log 2>&1 </dev/null &
		echo \$! >/run/containerd.pid"
	eventually 60 "the CRI service" is_serving
}

# tries HANDLER - sets status and said.
tries() { status=0 said=$(inside "$trial" $socket "$1" "$kata" 2>&1) || status=$?; }

sandboxes() { inside bash -c 'ls -A /run/vc/sbs 2>/dev/null' || true; }

mkdir -p "$etc"
sed "s#^root = .*#&\nimports = [\"$etc/conf.d/*.toml\"]#" "$work/containerd.toml" >"$etc/config.toml"
mkdir "$etc/conf.d"
ctr -n k8s.io images import "$("$top/packaging/artefact" test-images)/pause.tar" >/dev/null

note "what somebody left"
restart
tries kata-qemu
expect "a handler with a snapshotter that is not there" 1 "$status"
tries runc
expect "runc's sandbox" 1 "$status"
expect_match "the reason" 'no shim of ours' "$said"

note "taken over"
expect_status 0 "$edit" "$containerd_bin/containerd" "$etc" present
! grep -rq nydus "$etc" || fail "its snapshotter has stayed"
find "$etc" -name '*.toml' -exec sed -i "s#/etc/kata/l#$kata/bin/containerd-shim-kata-v2#; s#/opt/kata/bin/#$kata/bin/#
	/ConfigPath/d" {} +
restart
tries kata-qemu
expect "our handler" "0 " "$status $said"
expect "sandboxes afterwards" "" "$(sandboxes)"
no_programs() { local all && all=$(inside ps -eo args) && ! grep -E '[s]him-kata|[q]emu' <<<"$all"; }
eventually 20 "nothing of it" no_programs
status=0 said=$(inside "$trial" $socket kata-qemu /opt/kata/versions/another 2>&1) || status=$?
expect "another version's shim" 1 "$status"
expect_match "the reason" "has version 'kata', not 'another'" "$said"

if [ "${CONTAINERD:-2}" != 1 ]; then
	note "with a snapshotter of its own"
	edit_here() { inside "$edit" "$containerd_bin/containerd" "$etc" present k8s $socket "$1" 2>&1; }
	status=0 said=$(edit_here gone) || status=$?
	expect_match "one that is not there" "^1 .*no snapshotter 'gone' that works, only .*native" "$status $said"
	edit_here native
	expect_match "what containerd makes of one that is" "runtimes.kata-qemu.*snapshotter = 'native'" \
		"$("$containerd_bin/containerd" -c "$etc/config.toml" config migrate 2>/dev/null)"
fi

note "no image for sandboxes"
sed -i 's#kata.test/pause:1#localhost:1/none:1#' "$etc/config.toml"
restart
tries kata-qemu
expect "without a sandbox image" 3 "$status"

passed
