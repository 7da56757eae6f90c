#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# manager.sh - kata-manager against the limit for the bytes it moves.  Prints "name value value ...".
#
# The limit of an installation is to read, decode, hash and write the archive and to sync once, done by zstd, tee and
# sha256sum side by side; that of an upgrade of which one file differs, the kernel, is to read and write that file.  No
# engine is there and so no canary.  The folders are on the disk that /var/tmp is on, everything else is this program's
# own.  KATA_MANAGER names another build to measure.
[ -n "${KATA_OWN_SPACE:-}" ] || KATA_OWN_SPACE=1 exec unshare --mount --propagation private "$0" "$@"
exec 3>&1 >&2
. "$(dirname "$0")/../lib.sh"
runs=${BENCH_RUNS:-5}
manager=${KATA_MANAGER:-$top/build/dist/kata/bin/kata-manager}
archive=$(echo "$top"/build/dist/kata-static-*.tar.zst)
require python3 zstd busybox
for folder in /run /etc/kata-containers; do
	mkdir -p "$folder"
	mount -t tmpfs -o mode=755 tmpfs "$folder"
done
# Whose version is asked for even so, and who holds more than all of this.
for engine in /usr/bin/containerd /usr/bin/dockerd; do
	[ ! -e "$engine" ] || mount --bind /dev/null "$engine"
done
disk=$(mktemp -d /var/tmp/kata-bench.XXXXXX)
cleanup rm -rf "$disk"
where=(--root "$disk/root" --link-dir "$disk/links" --config-dir "$disk/etc" --cache-dir "$disk/cache" --engines=none --insecure-unsigned)
mkdir -p "$disk/links"

install() { "$manager" install "${where[@]}" "$@"; }
anew() { rm -rf "$disk/root" "$disk/out" "$disk/bytes" && mkdir "$disk/out" && sync -f "$disk"; }

# took NAME COMMAND... - notes the milliseconds, of processor time too, and how many bytes of files it wrote; with what it
# said only if it failed.  What is not yet on the disk counts as well.
took() {
	local name=$1 began TIMEFORMAT='%U %S' status=0
	shift
	(
		began=${EPOCHREALTIME/./}
		time "$@" >"$work/said" 2>&1 || exit
		echo $((${EPOCHREALTIME/./} - began)) >"$work/wall"
		cat /proc/$BASHPID/io >"$work/io"
	) 2>"$work/time" || status=$?
	[ $status = 0 ] || fail "'$*': $(cat "$work/said")"
	spent[$name]=$(awk '{ printf "%.1f", $1 / 1000 }' "$work/wall")
	spent[${name}_cpu]=$(awk '{ printf "%.0f", ($1 + $2) * 1000 }' "$work/time")
	spent[${name}_written]=$(awk '$1 == "write_bytes:" { print $2 }' "$work/io")
}

limit() { zstd -dcq "$archive" | tee "$disk/bytes" | sha256sum && sync "$disk/bytes"; }
unpacked() { tar --zstd -xf "$archive" -C "$disk/out" && sync -f "$disk/out"; }
file_limit() { cat "$disk/changed" >"$disk/bytes" && sync "$disk/bytes"; }

# The release once more as version 5.99.0, in which the kernel is another; both on a mirror.
make_mirror() {
	local tree=$disk/tree/opt/kata mirror=$disk/mirror
	mkdir -p "$disk/tree" "$mirror"
	tar --zstd -xf "$archive" -C "$disk/tree"
	cp "$archive" "${archive%.tar.zst}.frames" "$mirror/"
	head -c 4096 /dev/urandom >>"$tree/share/kata-containers/vmlinux.container"
	cp "$tree/share/kata-containers/vmlinux.container" "$disk/changed"
	awk -v size="$(stat -c %s "$disk/changed")" -v sum="$(sha256sum <"$disk/changed" | cut -d' ' -f1)" '
		$1 == "version" { $2 = "5.99.0" }
		$5 == "share/kata-containers/vmlinux.container" { $3 = size; $4 = sum }
		$1 != "digest"' "$tree/MANIFEST" >"$disk/manifest"
	echo "digest $(sha256sum <"$disk/manifest" | cut -d' ' -f1)" >>"$disk/manifest"
	cp "$disk/manifest" "$tree/MANIFEST"
	rm -f "$tree/MANIFEST.minisig"
	(cd "$disk/tree" && { echo opt/kata/MANIFEST; find opt ! -type d ! -name MANIFEST | sort; } |
		tar --format=ustar --no-recursion --owner=0 --group=0 -cf "$disk/tar" -T -)
	KATA_PACK_LEVEL=3 "$top/packaging/release/frames.sh" "$disk/tar" "$mirror/kata-static-5.99.0-amd64"
	"$top/packaging/release/mirror.sh" "$mirror"
}

peak() { # what `install` holds of memory at most, in bytes, of its processes the largest; never less than python has
	anew
	python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=2)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)' "$manager" install "${where[@]}" --from "$archive"
}

make_mirror
"$manager" config set hypervisor.qemu.allow_emulation true --root "$disk/root" --config-dir "$disk/etc" --link-dir "$disk/links"
declare -A lines=() spent=()
for ((i = 0; i <= runs; i++)); do
	anew
	took manager_limit limit
	anew
	took manager_tar unpacked
	anew
	took manager_install install --from "$archive"
	sync -f "$disk"
	took manager_upgrade install 5.99.0 --from "$disk/mirror"
	sync -f "$disk"
	took manager_upgrade_limit file_limit
	took manager_start "$manager" --version
	took manager_start_limit busybox true
	[ "$i" -gt 0 ] || continue
	spent[manager_rss]=$(peak)
	for name in "${!spent[@]}"; do
		lines[$name]+=" ${spent[$name]}"
	done
done
for name in "${!lines[@]}"; do
	echo "$name${lines[$name]}" >&3
done
