#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# With emptydir_mode = "block-plain" an emptyDir on the node's disk is a disk of the guest's in a sparse
# file of the volume's own folder: ext4, empty, with the folder's mode and owner; what is written shows
# in the folder's size on the node and what is removed goes from it; a subPath is the same part of it;
# the next sandbox finds the data, also of one that was killed, and the file system is whole.
. "$(dirname "$0")/testing.sh"
require e2fsck
[ "$runtime" != io.containerd.runc.v2 ] || skip "runc has no such disks"

cat >"$kata/share/defaults/kata-containers/config.d/20-test.toml" <<-END
	[runtime]
	emptydir_mode = "block-plain"
END
volume=$work/pods/one/volumes/kubernetes.io~empty-dir/cache
part=$work/pods/one/volume-subpaths/cache/c/0
mkdir -p "$volume" "$part"
chgrp 4321 "$volume"
chmod 2775 "$volume"
mkdir "$volume/part"
chmod 2750 "$volume/part"
inside mount --bind "$volume/part" "$part"
run_with() { # NAME COMMAND...
	local name=$1
	shift
	ctr run --runtime "$runtime" --mount "type=bind,src=$volume,dst=/v,options=rbind:rw" \
		--mount "type=bind,src=$part,dst=/part,options=rbind:rw" "$image" "$name" "$@"
}
used() { du -sk "$volume" | cut -f1; }

cat >"$work/script" <<'END'
grep -E ' /(v|part) ' /proc/mounts | cut -d' ' -f2,3
stat -c '%a %u %g' /v /part
ls -A /v
echo there >/part/file; cat /v/part/file
small_files() { # DIR: seconds for 1,000 of two bytes made, read and removed
	read -r a _ </proc/uptime
	for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do for k in 0 1 2 3 4 5 6 7 8 9; do
		echo x >$1/$i$j$k; read -r x <$1/$i$j$k
	done; done; done
	rm $1/[0-9][0-9][0-9]
	read -r b _ </proc/uptime
	echo "$1: $(((${b/./} - ${a/./})))"
}
small_files /dev/shm; small_files /v
dd if=/dev/urandom of=/v/large bs=1M count=20 2>/dev/null; sync; echo written; read -r go
rm /v/large; sync; echo removed; sleep 1000
END
mkfifo "$work/in"
run_with first$$ sh -c "$(cat "$work/script")" <"$work/in" >"$work/out" 2>"$work/err" &
exec 5>"$work/in"
client=$!
end_client() { kill "$client" 2>/dev/null; }
cleanup end_client
eventually 60 "20 MiB in the volume" grep -qx written "$work/out"
note "$(grep -E '^/(dev/shm|v):' "$work/out" | paste -sd' ') hundredths of a second for 1,000 small files"
expect "the volume and its part" "/part ext4,/v ext4,2775 0 4321,2750 0 4321,part,there" \
	"$({ head -n 2 "$work/out" | sort; sed -n 3,6p "$work/out"; } | paste -sd,)"
[ "$(used)" -ge 20000 ] || fail "the folder has $(used) KiB on the node"
echo >&5
shrunk() { [ "$(used)" -lt 20000 ]; }
eventually 30 "the space of what was removed" shrunk
expect "what is in the node's folder" "disk.img part" "$(find "$volume" -mindepth 1 -printf '%P\n' | sort | paste -sd' ')"

ctr tasks kill --signal KILL first$$
eventually 20 "everything to go" nothing_left first$$
e2fsck -fn "$volume/disk.img" >"$work/checked" 2>&1 || fail "the file system: $(cat "$work/checked")"
exec 5>&-
expect "what the next sandbox finds" there "$(run_with second$$ cat /v/part/file)"
run_with third$$ sh -c 'echo more >/v/more; sync /v/more; sync; echo synced; sleep 1000' </dev/null >"$work/out" 2>&1 &
eventually 60 "a file that is written" grep -qx synced "$work/out"
inside bash -c "kill -KILL $(processes_of third$$ | awk '/qemu/ { print $1; exit }')"
eventually 20 "everything to go" nothing_left third$$
expect "what a killed VM had written" more "$(run_with fourth$$ cat /v/more)"
passed
