#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crio.sh - a real CRI-O for the node of kubernetes.sh, which sources this.
#
# It has no import of images, and a pull of ours takes minutes in an emulated machine.  So the same CRI-O pulls them
# here, by crictl (which may be in the PATH or beside it) from a registry beside it, and what it has stored lies on the
# node's disk.
# shellcheck disable=SC2154 # work, top and here come from who sources this
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh source=crio.sh
. "$top/tests/crio.sh"
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
	for archive in "$work"/images/*.tar; do
		images+=("$(tar -xOf "$archive" index.json | jq -r '.manifests[0].annotations["io.containerd.image.name"]')")
	done
	crio_config "$at/crio.conf" "$at" "$1" overlay kata.test/pause:1 "$(command -v runc)"
	cat >"$at/init" <<-END
		set -e
		mount --make-rprivate /
		mount -t tmpfs -o mode=755 tmpfs /run
		ip link set lo up
		python3 "$here/registry.py" ${registry/:/ } "$work/images" >"$at/port" &
		"$programs/crio" --registries-conf "$at/registries.conf" --config "$at/crio.conf" --config-dir "" &
		crio=\$!
		crictl="env PATH=$PATH:$programs crictl --timeout 60s -r unix://$socket -i unix://$socket"
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
