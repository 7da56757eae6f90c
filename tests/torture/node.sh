#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# node.sh - have an installer tortured on a node of files (node/).  Sourced by scripts of tests/torture and tests/it.
#
# kata-deploy is the image's, kata-manager (program=kata-manager) the release's; what they install is small.  The judge
# of each configuration is the real containerd, of Debian and of the artefact; Docker's is one of JSON.  Runs wait for
# others most of the time, as for the client's own pace at the API server, so the points are shared by several
# processes, each with a /run and an /etc of its own and so the same paths, and no more than 1 GiB.
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
require_root
require go strace containerd unshare zstd tar
# shellcheck source=../cluster/go.sh
. "$top/tests/cluster/go.sh"

node_program() { # NAME
	local layer manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager image=${KATA_DIST_DIR:-$top/build/dist}/kata-deploy-image.tar
	[ -z "${KATA_TORTURE_PROGRAM:-}" ] || { echo "$KATA_TORTURE_PROGRAM" && return; }
	if [ "$1" = kata-manager ]; then
		[ -x "$manager" ] || skip "no $manager; './dev package' makes it"
		echo "$manager" && return
	fi
	[ -f "$image" ] || skip "no $image; './dev package' makes it"
	[ ! -d "$work/layers" ] || { echo "$work/layers/usr/bin/kata-deploy" && return; }
	mkdir "$work/layers"
	tar -C "$work/layers" -xf "$image"
	for layer in "$work"/layers/blobs/sha256/*; do
		tar -C "$work/layers" -xf "$layer" ./usr/bin/kata-deploy 2>/dev/null || true
	done
	echo "$work/layers/usr/bin/kata-deploy"
}

node_sums() { # FILE...
	cat "$@" | sed -n 's/^SUM  //p' | awk -F': ' '
		{ n = split($NF, value, " "); name = substr($0, 1, length($0) - length($NF) - 2)
		  for (i = 1; i <= n; i++) sum[name, i] += value[i]; names[name] = n }
		END { for (name in names) { printf "%-46s", name
			for (i = 1; i <= names[name]; i++) printf " %7d", sum[name, i]; print "" } }' | sort
}

# Those that run; the number of one that has ended may be somebody else's by now.
end_parts() {
	local pid
	for pid in $(jobs -pr); do
		kill "$pid"
	done
}
cleanup end_parts

# torture WHAT OPTION=VALUE... - parts=N is how many share the points.  Fails if anything was not as it must be.
torture() {
	local what=$1 option part recordings parts=8 failed=0 pids=() program=kata-deploy etc=lowerdir=/etc,upperdir=/run/upper,workdir=/run/etc
	local engines=(/usr/bin/containerd "$("$top/packaging/artefact" containerd)/containerd")
	for option in "${@:2}"; do
		case $option in
		parts=*) parts=${option#*=} ;;
		program=*) program=${option#*=} ;;
		engine=1) engines=("${engines[0]}") ;;
		engine=2) engines=("${engines[1]}") ;;
		esac
	done
	recordings=$(mktemp -d "$work/recordings.XXXXXX")
	(cd "$top/tests/torture/node" && nice go build -p 2 -o "$work/node" .)
	# Docker and systemd are the same whatever containerd is.
	[ "$program" != kata-manager ] || engines=("${engines[-1]}")
	program=$(node_program "$program")
	note "$("$program" --version), $("${engines[@]:0:1}" --version | cut -d' ' -f3), $parts parts"
	for ((part = 0; part < parts; part++)); do
		# shellcheck disable=SC2016 # of the inner shell
		unshare --mount --propagation private --kill-child --fork bash -c \
			'ulimit -v 1048576 && export GOGC=100 && mount -t tmpfs tmpfs /run && mkdir /run/t /run/upper /run/etc && mount -t overlay -o "$1" overlay /etc && exec "${@:2}"' - \
			"$etc" "$work/node" "$what" "$program" /run/t "${engines[@]}" "recordings=$recordings" "${@:2}" "part=$part" "parts=$parts" >"$work/part-$part" 2>&1 &
		pids+=($!)
	done
	for part in "${!pids[@]}"; do
		wait "${pids[part]}" || failed=1
	done
	grep -hv '^SUM' "$work"/part-* || true
	note "points, ended by it, recovered:"
	node_sums "$work"/part-*
	[ $failed = 0 ] || fail "not everything was as it must be"
}
