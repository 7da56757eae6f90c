#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Docker of the next Debian takes our runtime from its daemon.json at SIGHUP, without a restart, beside what somebody
# wrote there; its own program judges the file with the options it runs with; a container is a VM then; what uses a
# runtime of ours is told; and it all goes again, byte for byte.  So does the containerd 1.7 below it: as its package
# configures it, it takes our handler, runs a sandbox of it, and forgets it.
# timeout: 900
# tier: full
. "$(dirname "$0")/../lib.sh"

require_root
require unshare nsenter ldd runc jq busybox
for program in engine-edit engine-life engine-trial; do
	[ -x "$KATA_BUILD_DIR/bin/$program" ] || skip "no $KATA_BUILD_DIR/bin/$program; build it first"
done
dist=${KATA_DIST_DIR:-$top/build/dist}/kata
[ -x "$dist/bin/containerd-shim-kata-v2" ] || skip "no release in '$dist'; './dev package' makes one"
root=$("$top/packaging/artefact" test-docker)/root
images=$("$top/packaging/artefact" test-images)
machine=$work/machine group=kata-docker-$$

# ---- a machine: the artefact under a layer of its own, in namespaces, with cgroups of its own name ----

# Programs of this machine, with its loader: the other one has another C library and not all of the libraries.
put_programs() {
	local program
	mkdir -p "$work/test/lib"
	for program in engine-edit engine-life engine-trial; do
		cp "$KATA_BUILD_DIR/bin/$program" "$work/test/"
		ldd "$KATA_BUILD_DIR/bin/$program" | sed -nE 's/^[^/]*(\/[^ ]+) .*/\1/p' | xargs cp -Lt "$work/test/lib"
	done
}

# The configuration where each of these programs names it, with its drop-ins beside it.
put_kata() {
	local defaults=$work/kata/share/defaults/kata-containers
	cp -a "$dist" "$work/kata"
	mkdir -p "$defaults/config.d"
	printf '[hypervisor.qemu]\nallow_emulation = true\ndefault_memory = 256\n' >"$defaults/config.d/10-test.toml"
	cp "$defaults/configuration-qemu.toml" "$work/kata/c.toml"
	cp -r "$defaults/config.d" "$work/kata/"
}

put_init() {
	cat >"$work/init" <<-END
		set -e
		mount --make-rprivate /
		mount -t overlay -o lowerdir=$root,upperdir=$work/upper,workdir=$work/layer overlay $machine
		cd $machine
		mkdir -p opt/kata opt/test opt/data images old var/lib/docker var/lib/containerd
		mount -t proc proc proc
		mount --rbind /dev dev
		mount -t sysfs sysfs sys
		mount --rbind /sys/fs/cgroup sys/fs/cgroup
		mount -t tmpfs -o mode=755 tmpfs run
		mount -t tmpfs tmpfs tmp
		mount --bind $work/kata opt/kata
		mount --bind $work/test opt/test
		mount --bind $work/data opt/data
		mount --bind $images images
		mount --bind $work/data/docker var/lib/docker
		mount --bind $work/data/containerd var/lib/containerd
		pivot_root . old
		umount -l /old
		ip link set lo up
		: >/run/begun
		while :; do sleep 1000 & wait; done
	END
}

find_init() { read -r init <"/proc/$outer/task/$outer/children" || [ -n "$init" ]; }
has_begun() { inside test -e /run/begun; }

begin_machine() {
	mkdir -p "$machine" "$work"/{upper,layer} "$work"/data/{docker,containerd}
	put_programs
	put_kata
	put_init
	unshare --mount --pid --net --ipc --uts --fork --kill-child bash "$work/init" >"$work/init.log" 2>&1 </dev/null &
	outer=$!
	cleanup end_machine
	eventually 10 "pid 1 of the machine" find_init
	eventually 20 "the machine ($work/init.log)" has_begun
}

end_machine() {
	if [ "${ending:-}" != well ]; then
		tail -n 30 "$work"/data/*.log "$work/init.log" | cut -c1-400
	fi
	kill -KILL "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
	eventually 20 "the cgroups of the test to go" no_cgroups
	# Those of the CRI service have no name of this test.
	rmdir /sys/fs/cgroup{,/*}/k8s.io 2>/dev/null || true
}

no_cgroups() {
	local folder left=0
	for folder in /sys/fs/cgroup{,/*}"/$group"; do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + || left=1
	done
	return $left
}

inside() { nsenter -t "$init" -a -r -w /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
ours() { # PROGRAM ARGUMENT...
	local program=$1
	shift
	inside /opt/test/lib/ld-linux-x86-64.so.2 --library-path /opt/test/lib "/opt/test/$program" "$@"
}
docker() { inside docker "$@"; }

# service NAME COMMAND... - starts it, or says with `restart` what to do instead.
service() {
	local name=$1
	shift
	inside bash -c 'name=$1; shift; nohup "$@" >>/opt/data/$name.log 2>&1 </dev/null & echo $! >/run/$name.test' - "$name" "$@"
}

stop_service() {
	inside bash -c 'kill "$(cat /run/$1.test)"; while kill -0 "$(cat /run/$1.test)" 2>/dev/null; do sleep 0.1; done' - "$1"
}

# restart_by TEXT - what an engine's configuration is taken up by here, where there is no systemd.
restart_by() { inside bash -c 'printf "#!/bin/sh\n%s\n" "$1" >/usr/local/bin/restart; chmod 755 /usr/local/bin/restart' - "$1"; }

picture() { inside bash -c 'cd "$1" && find . | sort && find . -type f -exec sha256sum {} + | sort' - "$1"; }
edits() { status=0 said=$(ours "$@" 2>&1) || status=$?; }

begin_machine
socket=/run/containerd/containerd.sock

# ---- its containerd ----

start_containerd() {
	service containerd containerd
	eventually 60 "containerd" inside ctr version
}

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

start_docker() {
	service dockerd dockerd -H unix:///run/docker.sock --containerd=$socket --cgroup-parent=/$group
	eventually 60 "dockerd" docker version
}

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
mkdir "$work/image"
tar -xf "$images/busybox.tar" -C "$work/image"
# The largest blob is the layer.
layer=$(find "$work/image/blobs/sha256" -type f -size +100k)
docker import - kata.test/busybox:1 <"$layer" >/dev/null
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
