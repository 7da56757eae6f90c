#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Docker of the next Debian takes our runtime from its daemon.json at SIGHUP, without a restart, beside what somebody
# wrote there; its own program judges the file with the options it runs with; a container is a VM then; what uses a
# runtime of ours is told; and it all goes again, byte for byte.  So does the containerd 1.7 below it: as its package
# configures it, it takes our handler, runs a sandbox of it, and forgets it.
# timeout: 900
# tier: full
. "$(dirname "$0")/docker.sh"

programs=(engine-edit engine-life engine-trial)
for program in "${programs[@]}"; do
	[ -x "$KATA_BUILD_DIR/bin/$program" ] || skip "no $KATA_BUILD_DIR/bin/$program; build it first"
done

picture() { inside bash -c 'cd "$1" && find . | sort && find . -type f -exec sha256sum {} + | sort' - "$1"; }
edits() { status=0 said=$(ours "$@" 2>&1) || status=$?; }

begin_machine

# ---- its containerd ----

note "$(inside containerd --version)"
before=$(picture /etc/containerd)
edits engine-edit /usr/bin/containerd /etc/containerd present k8s
expect "configured" "0 " "$status $said"
edits engine-edit /usr/bin/containerd /etc/containerd present k8s
expect "the second time" "2 " "$status $said"
# In a container there may be no right to lower the score of a sandbox's process.
inside cp /etc/containerd/config.toml /etc/containerd/ours
inside sed -i 's#^ *\[plugins."io.containerd.grpc.v1.cri"\]#&\nsandbox_image = "kata.test/pause:1"\nrestrict_oom_score_adj = true#' \
	/etc/containerd/config.toml
start_containerd
expect_match "its CRI service with our handler" 'cri +linux/amd64 +ok' "$(inside ctr plugins ls | grep -w cri)"
inside ctr -n k8s.io images import /images/pause.tar >/dev/null
edits engine-trial $socket kata-qemu /opt/kata
expect "a sandbox through its CRI service" "0 " "$status $said"
inside mv /etc/containerd/ours /etc/containerd/config.toml
edits engine-edit /usr/bin/containerd /etc/containerd absent k8s
expect "removed" "0 " "$status $said"
expect "its folder afterwards" "$before" "$(picture /etc/containerd)"
stop_service containerd
start_containerd

# ---- Docker ----

handlers() { ours engine-life docker handlers; }

note "$(inside dockerd --version)"
restart_by 'kill -HUP "$(cat /run/docker.pid)"'
inside bash -c 'mkdir -p /etc/docker && cat >/etc/docker/daemon.json' <<-END
	{
	    "log-driver": "json-file",
	    "runtimes": {
	        "second": {
	            "path": "/usr/sbin/runc"
	        }
	    }
	}
END
start_docker
pid=$(inside cat /run/docker.pid)
before=$(picture /etc/docker)
edits engine-life docker present
expect "configured" "0 " "$status $said"
edits engine-life docker present
expect "the second time" "2 " "$status $said"
has_ours() { handlers | grep -q 'ours as it should be'; }
eventually 20 "our runtime among the daemon's" has_ours

note "a container is a VM"
load_image
run=(docker run --rm --network none)
status=0 said=$("${run[@]}" --runtime kata-qemu kata.test/busybox:1 sh -c 'uname -r; exit 3') || status=$?
expect "exit status" 3 "$status"
[ "$said" != "$(uname -r)" ] || fail "the container has this machine's kernel"
expect "a container of runc's" "$(uname -r)" "$("${run[@]}" kata.test/busybox:1 uname -r)"

note "who uses ours"
users() { ours engine-life docker users; }
expect "users" none "$(users)"
docker create --name made --runtime kata-qemu --network none kata.test/busybox:1 true >/dev/null
docker create --name other --network none kata.test/busybox:1 true >/dev/null
expect "users" "1 containers (0 running) of Docker's container 'made'" "$(users)"
docker run -d --name runs --runtime kata-qemu --network none kata.test/busybox:1 sleep 1000 >/dev/null
expect_match "users" "2 containers \(1 running\) of .*'runs'" "$(users)"
docker rm -f made other runs >/dev/null
expect "users" none "$(users)"

note "a program on the machine, by its containerd"
mkdir -p "$work/data/task/rootfs/bin"
cp "$(command -v busybox)" "$work/data/task/rootfs/bin/"
(cd "$work/data/task" && runc spec)
jq '.process.terminal = false | .process.args = ["/bin/busybox", "echo", "ran"] | del(.process.oomScoreAdj)
	| .root.path = "rootfs" | .linux.cgroupsPath = "/'"$group"'/task"' "$work/data/task/config.json" >"$work/data/task/oci.json"
expect "the task" ran "$(ours engine-life docker task /opt/data/task/rootfs /opt/data/task/oci.json)"

note "removed"
edits engine-life docker absent
expect "removed" "0 " "$status $said"
expect "its folder afterwards" "$before" "$(picture /etc/docker)"
expect "the daemon, never restarted" "$pid" "$(inside cat /run/docker.pid)"
has_forgotten() { local all && all=$(handlers) && [[ $all == *second* && $all != *kata* ]]; }
eventually 20 "the daemon to forget ours" has_forgotten

note "no file, and a file that repeats an option"
stop_service dockerd
inside rm /etc/docker/daemon.json
before=$(picture /etc/docker)
start_docker
edits engine-life docker present
expect "configured without a file" "0 " "$status $said"
eventually 20 "our runtime among the daemon's" has_ours
edits engine-life docker absent
expect "removed" "0 " "$status $said"
expect "the folder afterwards" "$before" "$(picture /etc/docker)"
# Written since the daemon began, which would not start with it.
inside bash -c 'echo "{\"hosts\": [\"unix:///run/second.sock\"]}" >/etc/docker/daemon.json'
before=$(picture /etc/docker)
edits engine-life docker present
expect "status" 1 "$status"
expect_match "its own words" 'Docker refuses.*both as a flag and in the configuration file: hosts' "$said"
expect "the folder afterwards" "$before" "$(picture /etc/docker)"

ending=well
