#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
#
# A container gets the host's disks that it names, and no others: one disk in two containers of a pod is
# one disk, plugged in once and taken out with the last of them; another pod may have it at the same time; what is read-only on the host or by its
# mount stays so; more disks than there are ports find room; a privileged container has none but what it names.
. "$(dirname "$0")/testing.sh"

require losetup
disk() { # NAME [OPTION OF losetup] - sets NAME to a loop device with a file of that name behind it
	truncate -s 8M "$work/$1"
	echo "disk $1" | dd of="$work/$1" conv=notrunc status=none
	printf -v "$1" %s "$(losetup -f --show ${2:+"$2"} "$work/$1")"
	cleanup losetup -d "${!1}"
}
for name in a b c d; do
	disk $name
done
disk fixed -r
cri=io.kubernetes.cri pod=pod$$
container() { # NAME ARGUMENTS OF ctr run...
	local name=$1
	shift
	ctr run -d --runtime "$runtime" --annotation $cri.sandbox-id=$pod "$@" "$image" "$name" sleep 1000
}
run_in() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"
}
remove() { # NAME
	ctr tasks kill --signal KILL "$1"
	eventually 20 "container $1 to end" ctr tasks delete "$1" >/dev/null
	ctr containers delete "$1"
}
disks() { run_in $pod sh -c 'ls /sys/block | grep -c "^[vs]d"' || true; }

container $pod --annotation $cri.container-type=sandbox
member() { container "$1$$" --annotation $cri.container-type=container "${@:2}"; }
# shellcheck disable=SC2154 # set by disk
member one --device "$a" --device "$b" --device "$c" --device "$d" --device "$fixed"
member two --device "$a"
for name in a b c d fixed; do
	expect "disk $name" "disk $name" "$(run_in one$$ head -c 20 "${!name}" | head -n 1 | tr -d '\0')"
done
run_in one$$ sh -c "echo from one | dd of=$a bs=512 seek=1 conv=notrunc,fsync 2>/dev/null"
expect "in the other container" "from one" "$(run_in two$$ dd if="$a" bs=512 skip=1 count=1 2>/dev/null | tr -d '\0')"
expect "on the host" "from one" "$(dd if="$work/a" bs=512 skip=1 count=1 status=none | tr -d '\0')"
other=$(ctr run --rm --runtime "$runtime" --device "$a" "$image" "other$$" dd if="$a" bs=512 skip=1 count=1 2>/dev/null | tr -d '\0\r')
expect "in another pod at the same time" "from one" "$other"
expect_status 1 run_in one$$ sh -c "echo no | dd of=$fixed conv=notrunc 2>/dev/null"
expect_status 1 run_in two$$ sh -c "mknod /b b 7 ${b#/dev/loop} && head -c 1 /b" 2>/dev/null
[ "$runtime" = io.containerd.runc.v2 ] || expect "disks of the guest" 5 "$(disks)"
remove one$$
[ "$runtime" = io.containerd.runc.v2 ] || expect "disks when one container has gone" 1 "$(disks)"
expect "the disk that is still used" "from one" "$(run_in two$$ dd if="$a" bs=512 skip=1 count=1 2>/dev/null | tr -d '\0')"
remove two$$
[ "$runtime" = io.containerd.runc.v2 ] || expect "disks when both have gone" 0 "$(disks)"

note "privileged, by path"
member three --privileged --mount "type=bind,src=$a,dst=/data/disk,options=rbind:rw" \
	--mount "type=bind,src=$b,dst=/data/fixed,options=rbind:ro"
expect "by a path" "disk a" "$(run_in three$$ head -n 1 /data/disk | tr -d '\0')"
run_in three$$ sh -c 'echo privileged | dd of=/data/disk conv=notrunc,fsync 2>/dev/null'
expect "on the host" privileged "$(head -n 1 "$work/a" | tr -d '\0')"
if [ "$runtime" != io.containerd.runc.v2 ]; then
	expect "disks of the guest" 2 "$(disks)"
	expect_status 1 run_in three$$ sh -c 'echo no | dd of=/data/fixed conv=notrunc 2>/dev/null'
fi
remove three$$
remove $pod
eventually 10 "everything to go" nothing_left $pod
passed
