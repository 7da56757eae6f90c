#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docker.sh - the next Debian with its Docker and its containerd 1.7, for one test.  Sourced by tests/it/docker-*.sh.
#
# DOCKER=28 puts that daemon in Debian's place.  CLIENT=nerdctl has nerdctl ask containerd, without a daemon of Docker's:
# KATA_TEST_NERDCTL is a folder with it and, in cni/, the network plugins; there is no package of it.
#
# The artefact lies under a layer of its own, and runs in namespaces of its own, with cgroups of its own name.  A test
# calls begin_machine, then start_containerd and start_docker; `docker` below speaks to the daemon.  It may put the
# names of programs of the build into `programs`, which `ours` runs there.
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

require_root
require unshare nsenter ldd runc jq busybox
client=${CLIENT:-docker} nerdctl=${KATA_TEST_NERDCTL:-}
if [ "$client" = nerdctl ]; then
	[ -n "$nerdctl" ] || skip "KATA_TEST_NERDCTL names no folder with nerdctl and cni/"
	[ -x "$nerdctl/nerdctl" ] || skip "no nerdctl in '$nerdctl', which KATA_TEST_NERDCTL names"
fi
dist=${KATA_DIST_DIR:-$top/build/dist}/kata
[ -x "$dist/bin/containerd-shim-kata-v2" ] || skip "no release in '$dist'; './dev package' makes one"
root=$("$top/packaging/artefact" test-docker)/root
docker=
[ "${DOCKER:-26}" = 26 ] || docker=$("$top/packaging/artefact" "docker-$DOCKER")
images=$("$top/packaging/artefact" test-images)
machine=$work/machine group=kata-docker-$$
programs=()
# shellcheck disable=SC2034 # for the tests
socket=/run/containerd/containerd.sock

# Programs of this machine, with its loader: the other one has another C library and not all of the libraries.
put_programs() {
	local program
	mkdir -p "$work/test/lib"
	[ "$client" = docker ] || cp -r "$nerdctl/nerdctl" "$nerdctl/cni" "$work/test/"
	for program in "${programs[@]}"; do
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
		[ -z "$docker" ] || for program in dockerd docker-proxy; do mount --bind "$docker/\$program" usr/sbin/\$program; done
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
# A control group of the test's, for what nerdctl runs.
nerdctl() {
	local verb=$1
	shift
	[[ $verb != run && $verb != create ]] || set -- --cgroup-parent "/$group" --pull never "$@"
	inside timeout -k 5 300 env HOME=/root /opt/test/nerdctl --cni-path /opt/test/cni --data-root /opt/data/nerdctl \
		--cgroup-manager cgroupfs "$verb" "$@"
}

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

start_containerd() {
	service containerd containerd
	eventually 60 "containerd" inside ctr version
}

start_docker() {
	service dockerd dockerd -H unix:///run/docker.sock --containerd=$socket --cgroup-parent=/$group
	eventually 60 "dockerd" docker version
}

# load_image - kata.test/busybox:1, whose largest blob is the layer.
load_image() {
	local layer
	[ "$client" = docker ] || { nerdctl load -q -i /images/busybox.tar && return; }
	mkdir "$work/image"
	tar -xf "$images/busybox.tar" -C "$work/image"
	layer=$(find "$work/image/blobs/sha256" -type f -size +100k)
	docker import - kata.test/busybox:1 <"$layer" >/dev/null
}
