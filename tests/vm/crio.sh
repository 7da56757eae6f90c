#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crio.sh - a real CRI-O for the node of kubernetes.sh, which sources this.
#
# KATA_TEST_CRIO is a folder with crio, conmon, pinns and crictl (which may be in the PATH); there is no package of
# them.  It has no import of images, and a pull of ours takes minutes in an emulated machine.  So the same
# CRI-O pulls them here, from a registry beside it, and what it has stored lies on the node's disk.
# shellcheck disable=SC2154 # work, top and here come from who sources this
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh

programs=${KATA_TEST_CRIO:-}
[ -n "$programs" ] || skip "KATA_TEST_CRIO names no folder with crio, conmon and pinns"
[ -x "$programs/crio" ] || skip "no crio in '$programs', which KATA_TEST_CRIO names"
PATH=$PATH:$programs require crictl jq python3 runc unshare

# The machine lacks a library of conmon's.
bring_conmon() { # FOLDER
	local library
	mkdir -p "$1/lib"
	cp "$programs/conmon" "$1/conmon-itself"
	for library in $(ldd "$programs/conmon" | awk '/libglib|libpcre2/ { print $3 }'); do
		cp "$library" "$1/lib/"
	done
	printf '#!/bin/sh\nLD_LIBRARY_PATH=/node/crio/lib exec /node/crio/conmon-itself "$@"\n' >"$1/conmon"
	chmod +x "$1/conmon"
}

# store_images FOLDER - the images of $work/images as CRI-O keeps them.
store_images() {
	local at=$work/storing archive images=()
	mkdir -p "$at/cni"
	for archive in "$work"/images/*.tar; do
		images+=("$(tar -xOf "$archive" index.json | jq -r '.manifests[0].annotations["io.containerd.image.name"]')")
	done
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$at/policy.json"
	printf '[[registry]]\nprefix = "%s"\nlocation = "127.0.0.1:5000"\ninsecure = true\n' kata.test localhost >"$at/registries.conf"
	cat >"$at/crio.conf" <<-END
		[crio]
		root = "$1"
		runroot = "/run/containers/storage"
		storage_driver = "overlay"
		version_file_persist = ""
		clean_shutdown_file = ""
		log_dir = "$at/logs"
		[crio.api]
		listen = "/run/crio/crio.sock"
		stream_port = "0"
		[crio.image]
		pause_image = "kata.test/pause:1"
		signature_policy = "$at/policy.json"
		[crio.network]
		network_dir = "$at/cni"
		plugin_dirs = ["/usr/lib/cni"]
		[crio.runtime]
		cgroup_manager = "cgroupfs"
		conmon_cgroup = "pod"
		default_runtime = "runc"
		pinns_path = "$programs/pinns"
		[crio.runtime.runtimes.runc]
		runtime_path = "$(command -v runc)"
		monitor_path = "$programs/conmon"
		monitor_cgroup = "pod"
	END
	cat >"$at/init" <<-END
		set -e
		mount --make-rprivate /
		mount -t tmpfs -o mode=755 tmpfs /run
		ip link set lo up
		python3 "$here/registry.py" 127.0.0.1 5000 "$work/images" >"$at/port" &
		"$programs/crio" --registries-conf "$at/registries.conf" --config "$at/crio.conf" --config-dir "" &
		crio=\$!
		crictl="env PATH=$PATH:$programs crictl --timeout 60s -r unix:///run/crio/crio.sock -i unix:///run/crio/crio.sock"
		until [ -s "$at/port" ] && \$crictl version; do
			[ -d /proc/\$crio ]
			sleep 0.1
		done
		for image in ${images[*]}; do
			\$crictl pull \$image
		done
		kill \$crio
		wait \$crio || true
	END
	timeout 300 unshare --mount --pid --net --fork --kill-child --mount-proc bash "$at/init" >"$at/log" 2>&1 </dev/null || {
		tail -n 30 "$at/log" | cut -c1-300
		fail "CRI-O stores no images"
	}
	note "CRI-O has stored ${images[*]}"
}

bring_crio() { # FOLDER
	mkdir -p "$1"/{crio,storage,etc/crio,etc/containers}
	cp "$programs"/{crio,pinns} "$1/crio/"
	bring_conmon "$1/crio"
	store_images "$1/storage"
	cp "$here/config/crio.conf" "$1/etc/crio/crio.conf"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$1/etc/containers/policy.json"
	# Without KillMode, as in the unit of 1.36.
	cat >"$1/etc/systemd/system/crio.service" <<-END
		[Service]
		Type=notify
		ExecStart=/node/crio/crio
		ExecReload=/bin/kill -s HUP \$MAINPID
		TasksMax=infinity
		OOMScoreAdjust=-999
		Restart=on-failure
	END
}
