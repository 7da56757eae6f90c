#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# crio.sh - a real CRI-O outside a machine, as it is configured for all tests.  Sourced by tests/it/crio.sh and
# tests/vm/crio.sh.
#
# KATA_TEST_CRIO is a folder with crio, conmon and pinns; there is no package of it.
# shellcheck disable=SC2034 # some names are for who sources this
# shellcheck source-path=SCRIPTDIR source=lib.sh

programs=${KATA_TEST_CRIO:-}
[ -n "$programs" ] || skip "KATA_TEST_CRIO names no folder with crio, conmon and pinns"
[ -x "$programs/crio" ] || skip "no crio in '$programs', which KATA_TEST_CRIO names"
socket=/run/crio/crio.sock registry=127.0.0.1:5000

# crio_config FILE FOLDER STORAGE DRIVER PAUSE-IMAGE RUNC - FILE is the configuration of a CRI-O that keeps images in
# STORAGE and has the rest of its files in FOLDER, among them registries.conf for its command line.
crio_config() {
	local name
	mkdir -p "$2/cni"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$2/policy.json"
	for name in localhost localhost:5000 kata.test; do
		printf '[[registry]]\nprefix = "%s"\nlocation = "%s"\ninsecure = true\n' "$name" "$registry"
	done >"$2/registries.conf"
	cat >"$1" <<-END
		# what there was
		[crio]
		root = "$3"
		runroot = "/run/containers/storage"
		storage_driver = "$4"
		version_file_persist = ""
		clean_shutdown_file = ""
		log_dir = "$2/logs"
		[crio.api]
		listen = "$socket"
		stream_port = "0"
		[crio.image]
		pause_image = "$5"
		signature_policy = "$2/policy.json"
		[crio.network]
		network_dir = "$2/cni"
		plugin_dirs = ["/usr/lib/cni"]
		[crio.runtime]
		cgroup_manager = "cgroupfs"
		default_runtime = "runc"
		conmon = "$programs/conmon"
		conmon_cgroup = "pod"
		pinns_path = "$programs/pinns"
		[crio.runtime.runtimes.runc]
		runtime_path = "$6"
		monitor_path = "$programs/conmon"
		monitor_cgroup = "pod"
	END
}
