#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# tier: full
# place: own
#
# A handler of our name that somebody left, with a snapshotter that is gone: a version whose sandboxes the engine does not
# run for pods, though its canary answers, is taken back and the handler is as it was; one that runs takes it over as a
# whole, and pods run.
. "$(dirname "$0")/../releases.sh"

mkdir "$work/bad"
cp -a "$dist/kata" "$work/bad/kata"
mv "$work/bad/kata/bin/containerd-shim-kata-v2" "$work/bad/kata/bin/shim"
cat >"$work/bad/kata/bin/containerd-shim-kata-v2" <<-'END'
	#!/bin/sh
	case "$*" in *k8s.io*) echo "not for pods" >&2; exit 1 ;; esac
	exec "$(dirname "$(readlink -f "$0")")/shim" "$@"
END
chmod +x "$work/bad/kata/bin/containerd-shim-kata-v2"
release 1.0.1 "$work/bad/kata"
rm -rf "$work/bad"
release 1.0.2 "$dist/kata"

table="plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu"
cat >"$root/etc/containerd/conf.d/10-theirs.toml" <<-END
	version = 3
	[$table]
	  runtime_type = "io.containerd.kata-qemu.v2"
	  runtime_path = "/opt/kata/bin/containerd-shim-kata-v2"
	  snapshotter = "gone" # theirs
	  [$table.options]
	    ConfigPath = "/opt/kata/share/defaults/kata-containers/runtimes/qemu/configuration-qemu.toml"
	[plugins.'io.containerd.cri.v1.images'.runtime_platforms.kata-qemu]
	  snapshotter = "gone"
END
on_node systemctl restart containerd
configuration >"$work/configuration-before"

note "a version that runs for its canary and not for pods"
manifests 1.0.1 | k apply -f - >/dev/null
eventually 240 "the failure to be told" has_event KataInstallFailed 'run a sandbox as the kubelet does: .*kata-qemu'
expect "label" "" "$(label)"
diff "$work/configuration-before" <(configuration) || fail "what somebody had is not back"
pid=$(containerd_pid)

note "a version that runs"
use_version 1.0.2
rolled_out
expect "label" true "$(label)"
expect_match "what it did" "the engine ran a sandbox of 'kata-qemu'" "$(system logs "$(pod_of)")"
! grep -rq gone "$root/etc/containerd" || fail "the snapshotter of theirs has stayed"
[ "$pid" != "$(containerd_pid)" ] || fail "containerd was not restarted"
begin_pod lasting
expect "sandboxes of the installer" "" "$(on_node sh -c "ctr -n k8s.io containers ls | grep -F kata-deploy/canary" || true)"
note "done"
