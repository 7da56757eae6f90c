#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 500
#
# Pods in VMs of a real CRI-O: with its default seccomp profile, logs and exec; its statistics, before and after a
# container's end, which end its daemon where a part is missing; out of memory is OOMKilled; a sandbox that cannot be
# made, or not be started, leaves nothing though nobody deletes it; a restart of CRI-O, and a removal.
#
# crictl is not packaged: KATA_TEST_CRIO has it, or the PATH.
. "$(dirname "$0")/crio.sh"

PATH=$PATH:$programs require crictl
printf 'runtime-endpoint: unix://%s\nimage-endpoint: unix://%s\ntimeout: 120\n' $socket $socket >"$work/crictl.yaml"
crictl() { inside env "PATH=$PATH:$programs" "CRI_CONFIG_FILE=$work/crictl.yaml" crictl "$@"; }

cp "$images"/{pause,busybox}.tar "$work/image/"
cat >"$work/cni/10-pods.conflist" <<-END
	{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": false,
	 "ipam": {"type": "host-local", "dataDir": "/run/cni/ipam", "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
cat >"$etc/crio.conf.d/kata.conf" <<-END
	[crio.runtime.runtimes.kata]
	runtime_path = "$kata/bin/containerd-shim-kata-v2"
	runtime_type = "vm"
	runtime_root = "/run/vc"
	runtime_config_path = "$config"
	privileged_without_host_devices = true
END
start_crio
pid=$(crio_pid)

profile='"security_context": {"seccomp": {"profile_type": 0}}'
pod() { # NAME [KEY: VALUE of annotations]
	cat >"$work/$1.pod" <<-END
		{"metadata": {"name": "$1", "uid": "uid-$1", "namespace": "default", "attempt": 1}, "log_directory": "$work/logs/$1",
		 "annotations": {${2:-}}, "linux": {"cgroup_parent": "/kata-it-crio$$/pod$1", $profile}}
	END
	mkdir -p "$work/logs/$1"
	crictl runp --runtime kata "$work/$1.pod"
}
container() { # POD NAME LIMIT COMMAND...
	local pod=$1 name=$2 limit=$3 command
	shift 3
	command=$(printf '"%s", ' "$@")
	cat >"$work/$name.container" <<-END
		{"metadata": {"name": "$name"}, "image": {"image": "kata.test/busybox:1"}, "command": [${command%, }],
		 "log_path": "$name.log", "linux": {"resources": {"memory_limit_in_bytes": $limit}, $profile}}
	END
	crictl create --no-pull "$pod" "$work/$name.container" "$work/box.pod"
}
status_of() { crictl inspect -o go-template --template "{{.status.state}} {{.status.exitCode}} {{.status.reason}}" "$1"; }
has_ended() { [[ $(status_of "$1") == CONTAINER_EXITED* ]]; }
left() {
	inside ls -A /run/vc/sbs 2>/dev/null || true
	inside sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline; echo; done' 2>/dev/null | grep -E "^$kata/(bin|libexec)" || true
	find /sys/fs/cgroup -type d -path "*/kata-it-crio$$/*" -name 'kata_*' 2>/dev/null || true
}
nothing_left() { [ -z "$(left | tee /dev/stderr)" ]; }
cgroups_gone() { find /sys/fs/cgroup -depth -type d -path "*/kata-it-crio$$*" -exec rmdir {} + 2>/dev/null || true; }
cleanup cgroups_gone

note "a pod with the default seccomp profile"
crictl pull kata.test/busybox:1 >/dev/null
sandbox=$(pod box)
box=$(container "$sandbox" main 0 sh -c "echo out; echo err >&2; exec sleep 100000")
crictl start "$box" >/dev/null
expect "its log" "out err" "$(eventually 20 "the log" test -s "$work/logs/box/main.log" && sleep 1 && crictl logs "$box" 2>&1 | tr '\n' ' ' | sed 's/ $//')"
expect_match "the filter of its processes" 2 "$(crictl exec "$box" grep Seccomp: /proc/self/status)"
[ "$(crictl exec "$box" uname -r)" != "$(uname -r)" ] || fail "it runs on the host's kernel"
expect_match "an exit code" 'exit code 7' "$(crictl exec "$box" sh -c 'exit 7' 2>&1 || true)"

note "statistics"
usage() { crictl stats -o json "$1" | python3 -c 'import json, sys; s = json.load(sys.stdin)["stats"][0]; print(int(s["memory"]["workingSetBytes"]["value"]) > 0, int(s["cpu"]["usageCoreNanoSeconds"]["value"]) > 0)'; }
expect "memory and processors are used" "True True" "$(usage "$box")"
crictl statsp "$sandbox" >/dev/null || true
expect "CRI-O's pid" "$pid" "$(crio_pid)"

note "out of memory"
hungry=$(container "$sandbox" hungry 33554432 sh -c "exec tail /dev/zero")
crictl start "$hungry" >/dev/null
eventually 60 "its end" has_ended "$hungry"
expect "its status" "CONTAINER_EXITED 137 OOMKilled" "$(status_of "$hungry")"
crictl stats -a >/dev/null || true
crictl stats "$hungry" >/dev/null || true
expect "CRI-O's pid after statistics of what has ended" "$pid" "$(crio_pid)"

note "a restart of CRI-O"
restart
expect "an exec" hello "$(crictl exec "$box" echo hello)"
expect "memory and processors are used" "True True" "$(usage "$box")"
crictl stopp "$sandbox" >/dev/null
crictl rmp "$sandbox" >/dev/null
eventually 30 "everything of the pod to go" nothing_left

note "a sandbox that cannot be made"
! pod refused '"io.katacontainers.config.hypervisor.default_memory": "x"' >"$work/said" 2>&1 || fail "it runs"
eventually 30 "everything of it to go" nothing_left

note "a sandbox that has ended and that nobody deletes"
lost=$(pod lost)
bundle=$(inside sh -c "echo /run/containers/storage/*-containers/$lost/userdata")
inside pkill -KILL -f "^$kata/bin/qemu"
inside sh -c "umount -l $bundle/* 2>/dev/null; rm -r $bundle"
eventually 30 "everything of it to go" nothing_left

note "a sandbox that cannot be started"
printf '[crio.image]\npause_command = "/nothing"\n' >"$etc/crio.conf.d/pause.conf"
restart
! pod broken >"$work/said" 2>&1 || fail "it runs"
note "$(cut -c1-200 "$work/said")"
eventually 30 "everything of it to go" nothing_left
! grep -q "OCI runtime features failed: $kata" "$work/crio.log" || fail "CRI-O knows no features of ours"
ending=well
