#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# machine.sh - a machine made of a folder with a distribution, for one test.  Sourced by tests/it/*.sh.
#
# The folder stays as it is: the machine writes into a layer of its own.  It has namespaces of its own, so no network but
# its loopback, and what is left goes with its pid 1; cgroups are this machine's and told apart by the name of containerd's
# namespace.  containerd and ctr are the artefact's, which need nothing of the distribution; they lie in /opt/test.
# shellcheck disable=SC2034 # some names are for the tests only
# shellcheck source-path=SCRIPTDIR/.. source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

require_root
require unshare nsenter pivot_root
dist=${KATA_DIST_DIR:-$top/build/dist}
[ -x "$dist/kata/bin/containerd-shim-kata-v2" ] || skip "no release in '$dist'; './dev package' makes one"
image=kata.test/busybox:1
runtime=io.containerd.kata.v2
group=kata-machine-$$
machine=$work/machine

put_init() { # FOLDER
	cat >"$work/init" <<-END
		set -e
		mount --make-rprivate /
		mount -t overlay -o lowerdir=$1,upperdir=$work/layer/upper,workdir=$work/layer/work overlay $machine
		cd $machine
		mkdir -p proc sys dev run tmp old opt/test opt/data var/lib/containerd
		mount -t proc proc proc
		mount --rbind /dev dev
		mount -t sysfs sysfs sys
		mount --rbind /sys/fs/cgroup sys/fs/cgroup
		mount -t tmpfs -o mode=755 tmpfs run
		mount -t tmpfs tmpfs tmp
		mount --bind $work/programs opt/test
		mount --bind $work/data opt/data
		mount --bind $work/containerd var/lib/containerd
		pivot_root . old
		umount -l /old
		rmdir /old
		ip link set lo up
		: >/run/begun
		while :; do sleep 1000 & wait; done
	END
}

find_init() { read -r init <"/proc/$outer/task/$outer/children" || [ -n "$init" ]; }

# begin_machine FOLDER - what `inside` runs in; /opt/data there is $work/data.
begin_machine() {
	mkdir -p "$machine" "$work"/{programs,data,containerd} "$work"/layer/{upper,work}
	cp "$("$top/packaging/artefact" containerd)"/{containerd,ctr} "$work/programs/"
	put_init "$1"
	unshare --mount --pid --net --ipc --uts --fork --kill-child bash "$work/init" >"$work/init.log" 2>&1 </dev/null &
	outer=$!
	cleanup end_machine
	eventually 10 "pid 1 of the machine" find_init
	eventually 20 "the machine ($work/init.log)" inside test -e /run/begun
}

end_machine() {
	[ "${ending:-}" = well ] || tail -n 30 "$work/init.log" "$work/data/containerd.log" | cut -c1-400
	kill -KILL "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
	eventually 20 "the cgroups of the test to go" no_cgroups
}

no_cgroups() {
	local folder left=0
	for folder in /sys/fs/cgroup{,/*}"/$group"; do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + || left=1
	done
	return $left
}

inside() {
	nsenter -t "$init" -a -r -w /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

start_containerd() {
	printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]\n' \
		>"$work/data/containerd.toml"
	inside sh -c '/opt/test/containerd --config /opt/data/containerd.toml >/opt/data/containerd.log 2>&1 </dev/null & echo $! >/run/containerd.test'
	eventually 60 "containerd ($work/data/containerd.log)" ctr version
	cp "$("$top/packaging/artefact" test-images)/busybox.tar" "$work/data/"
	ctr images import /opt/data/busybox.tar >/dev/null
}

stop_containerd() {
	inside sh -c 'kill "$(cat /run/containerd.test)" && while kill -0 "$(cat /run/containerd.test)" 2>/dev/null; do sleep 0.1; done'
}

ctr() { inside /opt/test/ctr -n "$group" "$@"; }
run_kata() { # NAME COMMAND...
	local name=$1
	shift
	ctr run --rm --runtime "$runtime" "$image" "$name" "$@"
}

# picture FOLDER... - all that is in these folders of the machine.
picture() {
	inside find "$@" -xdev '!' -type d '!' -path '/var/log/*' '!' -path '/var/cache/*' '!' -path '/var/lib/dpkg/*' \
		'!' -path '/var/lib/containerd/*' '!' -path '/opt/test/*' '!' -path '/opt/data/*' -exec ls -ld {} + |
		awk '{ print $1, $3, $4, $5, $9, $10, $11 }' | sort -k5
}

# another_release VERSION OUT - the release once more with that version, and a file that is another.
another_release() {
	mkdir -p "$2"
	cp -a "$dist/kata" "$2/kata"
	(
		cd "$2/kata" || exit
		echo "$1" >>share/kata-containers/LICENSE
		rm -f MANIFEST.minisig
		head -n -1 MANIFEST | sed "s/^version .*/version $1/" | while read -r kind a b c d; do
			[ "$d" != share/kata-containers/LICENSE ] || b=$(stat -c %s "$d") c=$(sha256sum <"$d" | cut -d' ' -f1)
			echo "$kind $a${b:+ $b}${c:+ $c}${d:+ $d}"
		done >new
		echo "digest $(sha256sum <new | cut -d' ' -f1)" >>new
		mv new MANIFEST
	)
}

passed() { ending=well; }
