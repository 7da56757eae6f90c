#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# With shared_fs = "none" a pod has no virtiofsd: a root of the snapshotter blockfile is a disk, small
# volumes are copied with owners, modes and links, and what kubelet updates (its link "..data" is turned)
# arrives within four seconds as the event a program waits for, without the keys that are gone.  An emptyDir
# is the pod's own folder, last words reach the kubelet's file.  What cannot be kept right is refused with
# the reason: a root that is no disk, a volume that may be written, one too large, a fifo.
scratch=$(mktemp -d /tmp/kata-scratch.XXXXXX)
cleanups=("rm -rf $scratch")
containerd_plugins="[plugins.\"io.containerd.snapshotter.v1.blockfile\"]
  root_path = \"$scratch/snapshots\"
  scratch_file = \"$scratch/empty\"
  fs_type = \"ext4\"
  mount_options = []
  recreate_scratch = false"
truncate -s 64M "$scratch/empty"
mkfs.ext4 -q -F "$scratch/empty" || { rm -rf "$scratch" && exit 1; }
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "with runc everything is shared"
cat >"$kata/share/defaults/kata-containers/config.d/20-test.toml" <<-END
	[hypervisor.qemu]
	shared_fs = "none"
END

settings=$work/pods/one/volumes/kubernetes.io~configmap/settings
cache=$work/pods/one/volumes/kubernetes.io~empty-dir/cache
words=$work/pods/one/containers/main/0123abcd
mkdir -p "$settings/..first/deep" "$cache" "${words%/*}" "$work/tree/below/empty"
chmod 2777 "$cache"
chgrp 4321 "$cache"
: >"$words"
echo 127.0.0.1 localhost one >"$work/hosts"
echo single >"$work/single"
chown 1234:5678 "$work/single"
chmod 640 "$work/single"
fill() { # FOLDER NAME TEXT - a key of the volume
	echo "$3" >"$settings/$1/$2"
	[ -L "$settings/${2%%/*}" ] || ln -s "..data/${2%%/*}" "$settings/${2%%/*}"
}
turn() { # FOLDER - what kubelet does last
	local old
	old=$(readlink "$settings/..data") || true
	ln -s "$1" "$settings/..data_tmp"
	mv -T "$settings/..data_tmp" "$settings/..data"
	[ -z "$old" ] || rm -r "${settings:?}/$old"
}
fill ..first color red
fill ..first goes old
fill ..first deep/key one
turn ..first
echo text >"$work/tree/below/file"
ln -s below/file "$work/tree/link"
chmod 1770 "$work/tree/below/empty"
mknod "$work/tree/below/pipe" p
cc -static -O1 -o "$work/tree/meet" "$top/tests/cluster/meet.c"
dd if=/dev/urandom of="$work/tree/large" bs=1M count=3 2>/dev/null
truncate -s $((3 * 1024 * 1024 + 17)) "$work/tree/large"

run_disk() { # NAME ARGUMENTS OF ctr run... -- COMMAND...
	local name=$1 arguments=()
	shift
	while [ "$1" != -- ]; do arguments+=("$1"); shift; done
	shift
	ctr run --runtime "$runtime" --snapshotter blockfile "${arguments[@]}" "$image" "$name" "$@"
}
volume() { echo "type=bind,src=$1,dst=$2,options=rbind:$3"; } # SOURCE DESTINATION ro|rw
refused() { # WHAT PATTERN SOURCE DESTINATION ro|rw
	expect_match "$1" "$2" "$(run_disk no$$ --rm --mount "$(volume "$3" "$4" "$5")" -- true 2>&1 || true)"
	eventually 10 "a container that was refused to go" nothing_left no$$
}

pod=pod$$ main=main$$ next=next$$ cri=io.kubernetes.cri
as_member() { echo --annotation $cri.container-type=container --annotation $cri.sandbox-id=$pod --annotation $cri.container-name=main; }
run_disk $pod -d --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=$pod -- sleep 1000
expect "daemons of virtio-fs" "" "$(inside pgrep virtiofsd || true)"
expect "devices of virtio-fs" "" "$(inside ps -eo args | grep '[q]emu-system' | grep -o vhost-user-fs || true)"
# shellcheck disable=SC2046 # arguments
run_disk $main -d $(as_member) --mount "$(volume "$settings" /settings ro)" --mount "$(volume "$work/hosts" /etc/hosts rw)" \
	--mount "$(volume "$work/single" /single ro)" --mount "$(volume "$cache" /cache rw)" \
	--mount "$(volume "$words" /dev/termination-log rw)" --mount "$(volume "$work/tree" /tree ro)" -- sh -c '
	/tree/meet watch /settings >/events & until [ -e /cache/end ]; do sleep 0.2; done; echo these are my last words >/dev/termination-log'
run_in() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"
}
in_main() { run_in $main sh -c "$1"; }

expect "the settings" "red old one ..data/color ..first" "$(in_main 'echo $(cat /settings/color /settings/goes /settings/deep/key; readlink /settings/color; readlink /settings/..data)')"
expect "a single file" "single 640 1234 5678" "$(in_main 'echo $(cat /single; stat -c "%a %u %g" /single)')"
expect "the tree" "below below/empty below/file large link meet" "$(in_main 'cd /tree; echo $(find . -mindepth 1 | sort | cut -c3-)')"
expect "what is in it" "text below/file 1770 $(sha256sum <"$work/tree/large" | cut -d" " -f1)" "$(in_main 'cd /tree; echo $(cat link; readlink link; stat -c %a below/empty) $(sha256sum <large | cut -d" " -f1)')"
expect_match "a write to what is read-only" 'Read-only file system' "$(in_main 'echo no >/settings/color; echo no >/tree/new; echo no >/single' 2>&1 || true)"
expect "the container's own hosts" "127.0.0.1 localhost one two" "$(in_main 'echo two >>/etc/hosts; echo $(cat /etc/hosts)')"
expect "the host's hosts" "127.0.0.1 localhost one" "$(cat "$work/hosts")"
expect "the emptyDir" "2777 4321" "$(in_main 'echo hello >/cache/file; stat -c "%a %g" /cache')"

watches() { in_main 'grep -q inotify /proc/*/fdinfo/* 2>/dev/null'; }
eventually 20 "somebody to watch" watches
mkdir "$settings/..second" "$settings/..second/deep"
fill ..second color green
fill ..second comes new
fill ..second deep/key two
begin=$(date +%s%N)
turn ..second
rm "$settings/goes"
in_main 'i=0; until grep -q "event of ..data" /events; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done' || fail "no event: $(in_main 'cat /events')"
took=$((($(date +%s%N) - begin) / 1000000))
note "an update was an event in the container after $took ms"
[ $took -lt 4000 ] || fail "the event took $took ms"
sees_update() { [ "$(in_main 'echo $(cat /settings/color /settings/comes /settings/deep/key; ls -A /settings)')" = "green new two ..data ..second color comes deep" ]; }
eventually 10 "what was updated, and nothing else" sees_update

# The other container of the pod has the same emptyDir, and the settings as they are now.
# shellcheck disable=SC2046 # arguments
run_disk $next -d $(as_member) --mount "$(volume "$settings" /settings ro)" --mount "$(volume "$cache" /cache ro)" -- sleep 1000
expect "the next container" "hello green" "$(run_in $next sh -c 'echo $(cat /cache/file /settings/color)')"
ctr tasks kill --signal KILL $next
gone() { ! ctr tasks ls | grep -q "$1 .*RUNNING"; }
eventually 10 "the next container to end" gone $next
ctr tasks delete $next >/dev/null 2>&1 || true
mkdir "$settings/..third" "$settings/..third/deep"
fill ..third color blue
turn ..third
sees_blue() { [ "$(in_main 'cat /settings/color')" = blue ]; }
eventually 5 "an update after that" sees_blue

in_main 'touch /cache/end'
eventually 20 "the container to end" gone $main
ctr tasks delete $main >/dev/null
expect "last words" "these are my last words" "$(cat "$words")"

expect_match "a root that is no disk" 'as .overlay.*shared_fs = "none".*blockfile' "$(run_kata over$$ true 2>&1 || true)"
eventually 10 "that to go" nothing_left over$$
refused "a volume that may be written" "would not reach the host.*read-only" "$work/tree" /tree rw
refused "a fifo" "neither a file nor a folder" "$(mkfifo "$work/fifo"; echo "$work/fifo")" /fifo ro
truncate -s 40M "$work/single"
refused "a file too large" "larger than 32 MiB" "$work/single" /single ro
ctr tasks kill --signal KILL $pod
eventually 10 "the pod to end" gone $pod
ctr tasks delete $pod >/dev/null 2>&1 || true
eventually 20 "everything to go" nothing_left $pod
passed
