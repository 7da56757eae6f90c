#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# A container with a user namespace of its own: who is root in it is nobody outside, on the host's
# files as well; its layers show the owners it knows, by copies or by maps that the host makes; what
# its capabilities say it may do with its network, its mounts and its names, and nothing else.
. "$(dirname "$0")/testing.sh"

outside=1048576
maps=(--uidmap "0:$outside:65536" --gidmap "0:$outside:65536")
mkdir -m 0755 "$work/test"
mkdir -m 0777 "$work/test/volume"
echo secret >"$work/test/volume/roots"
chmod 0600 "$work/test/volume/roots"
cat >"$work/test/inside" <<'END'
id -u
awk '{ print $1, $2, $3 }' /proc/self/uid_map /proc/self/gid_map
stat -c '%u:%g %n' / /bin/busybox /proc/self/status /dev/null
touch /tmp/x && chown 33:33 /tmp/x && stat -c '%u:%g' /tmp/x
mkdir -p /a/b && chown 7:7 /a/b && chmod 755 /a/b && touch /a/b/c && echo "root in a folder of another"
mkdir /mnt && mount -t tmpfs tmpfs /mnt && echo mounted && umount /mnt
hostname other && hostname
ip addr add 127.9.9.9/32 dev lo && echo interface
[ -e /sys/class/net/lo ] && echo sysfs
[ -c /dev/pts/ptmx ] && echo terminals
(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo "not of the kernel"
mknod /tmp/kmsg c 1 11 2>/dev/null || echo "no node"
cat /test/volume/roots 2>/dev/null || echo "not of the host"
touch /test/volume/mine && echo "a file of the host"
sleep "$1"
END
cat >"$work/right" <<-END
	0
	0 $outside 65536
	0 $outside 65536
	0:0 /
	0:0 /bin/busybox
	0:0 /proc/self/status
	33:33
	root in a folder of another
	mounted
	other
	interface
	sysfs
	terminals
	not of the kernel
	no node
	not of the host
	a file of the host
END
run_mapped() { # NAME ARGUMENTS OF ctr run...
	local name=$1
	shift
	ctr run --runtime "$runtime" "${maps[@]}" --cap-add CAP_SYS_ADMIN --cap-add CAP_NET_ADMIN \
		--mount "type=bind,src=$work/test,dst=/test,options=rbind:rw" "$@" "$image" "$name" sh /test/inside 1000
}
in_mapped() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM" "$name" "$@"
}

end() { ctr tasks kill -s KILL "$1" 2>/dev/null || true; }

# Layers that were copied and given away; layers that are mounted with a map.
for layers in copied mapped; do
	name=$layers$$ how=()
	[ $layers = copied ] || how=(--remap-labels)
	note "$layers"
	cleanup end "$name"
	run_mapped "$name" "${how[@]}" >"$work/seen" 2>"$work/err" &
	is_done() { grep -q 'a file of the host' "$work/seen"; }
	eventually 60 "the container to have looked around ($(cat "$work/err"))" is_done
	# Where a node comes from is the runtime's affair: runc binds the host's.
	grep -v '/dev/null' "$work/seen" | diff "$work/right" - || fail "$layers: not what a mapped root sees"
	expect "owner on the host" "$outside:$outside" "$(stat -c %u:%g "$work/test/volume/mine")"
	expect "a later process" "0 $outside 65536" "$(in_mapped "$name" sh -c 'echo $(cat /proc/self/uid_map)')"
	expect "its user namespace" "$(in_mapped "$name" readlink /proc/1/ns/user)" "$(in_mapped "$name" readlink /proc/self/ns/user)"
	expect "owner of its file" 0:0 "$(in_mapped "$name" sh -c 'rm /test/volume/mine; touch /tmp/y; stat -c %u:%g /tmp/y')"
	expect "a user of its own" "33:33" "$(ctr tasks exec --exec-id "u$RANDOM" --user 33:33 "$name" sh -c 'echo $(id -u):$(id -g)')"
	end "$name"
	wait $! 2>/dev/null || true
	ctr tasks rm "$name" >/dev/null 2>&1 || true
done
[ "$runtime" = io.containerd.runc.v2 ] || eventually 20 "everything to be gone" nothing_left "copied$$"
passed
