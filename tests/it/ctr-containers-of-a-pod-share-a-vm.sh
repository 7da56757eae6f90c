#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# Two containers marked by CRI's annotations run in one VM behind one shim: same kernel boot, shared
# host name and IPC, process namespaces of their own; a hostPath is shared, and read-only on the host's
# side; a container goes alone; when the pod's first container ends, so does everything.
. "$(dirname "$0")/testing.sh"

pod=pod$$ one=one$$ two=two$$
cri=io.kubernetes.cri
mkdir -p "$work/volume" "$work/secret" "$work/meet/part" "$work/meet/"{lower,upper,work,merged}
cc -static -O1 -o "$work/meet/meet" "$top/tests/cluster/meet.c"
echo hello >"$work/volume/file"
echo secret >"$work/secret/key"
ctr run -d --runtime "$runtime" --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=$pod \
	"$image" $pod sleep 1000
member() { # NAME ARGUMENTS OF ctr run...
	local name=$1
	shift
	ctr run -d --runtime "$runtime" --annotation $cri.container-type=container \
		--annotation $cri.sandbox-id=$pod "$@" "$image" "$name" sleep 1000
}
member $one --mount "type=bind,src=$work/volume,dst=/volume,options=rbind:rw" \
	--mount "type=bind,src=$work/secret,dst=/secret,options=rbind:ro" \
	--mount "type=bind,src=$work/meet,dst=/meet,options=rbind:rw" --cap-add CAP_SYS_ADMIN
member $two --mount "type=bind,src=$work/meet,dst=/meet,options=rbind:rw" \
	--mount "type=bind,src=$work/meet/part,dst=/part,options=rbind:rw" --mount "type=bind,src=$work/volume,dst=/volume,options=rbind:ro"
run_in() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"
}
expect "shims" 1 "$(inside ps -eo args | grep -c "[s]him-kata-v2.*$pod")"
expect "VMs" 1 "$(inside ps -eo args | grep -c '[q]emu-system')"
expect "boot of the kernel" "$(run_in $one cat /proc/sys/kernel/random/boot_id)" \
	"$(run_in $two cat /proc/sys/kernel/random/boot_id)"
expect "IPC namespace" "$(run_in $one readlink /proc/self/ns/ipc)" "$(run_in $two readlink /proc/self/ns/ipc)"
[ "$(run_in $one readlink /proc/1/ns/pid)" != "$(run_in $two readlink /proc/1/ns/pid)" ] ||
	fail "both containers have one process namespace"

expect "volume" hello "$(run_in $one cat /volume/file)"
run_in $one sh -c 'echo changed >/volume/file'
expect "volume on the host" changed "$(cat "$work/volume/file")"
expect "volume in the other container" changed "$(run_in $two cat /volume/file)"
expect "secret" secret "$(run_in $one cat /secret/key)"
echo rotated >"$work/secret/key"
sees_rotated() { [ "$(run_in $one cat /secret/key)" = rotated ]; }
eventually 10 "the changed secret" sees_rotated
expect_status 1 run_in $two sh -c 'echo no >/volume/file' 2>/dev/null
# One folder of the host is one file system in the guest, in whichever container and on whichever path.
run_in $one sh -c 'cd /meet; for what in "listen socket" "listen part/socket" "hold lock"; do ./meet $what >/dev/null 2>&1 </dev/null & done
	mkfifo fifo; (echo "through the fifo" >fifo) >/dev/null 2>&1 & ./meet see map >seen 2>&1 </dev/null & ./meet watch . >watched 2>&1 </dev/null &
	until [ -S socket ] && [ -S part/socket ] && [ -e lock.fcntl ] && [ -e map ]; do sleep 0.2; done; sleep 1'
expect "what meets in a volume" "hello
hello
through the fifo
flock held
fcntl held
mapping seen
event of event" "$(run_in $two sh -c 'cd /meet; ./meet connect socket; ./meet connect /part/socket; cat fifo; ./meet try lock; ./meet show map
	i=0; until [ -s seen ] && [ -s watched ] || [ $i = 100 ]; do rm -f event; touch event; sleep 0.2; i=$((i + 1)); done; cat seen watched')"
# What an image or a program says of a file beside its bytes is kept, but for what only the host has to say.
[ "$runtime" = io.containerd.runc.v2 ] || expect "attributes" "user.test: kept
trusted.test: kept
security.capability: kept
security.other: Operation not supported
user.virtiofs.trusted.test: Operation not permitted" "$(run_in $one /meet/meet keep /meet/attributes)"
expect "an overlay whose upper folder is in a volume" "one two" "$(run_in $one sh -c 'cd /meet; echo one >lower/a; echo old >lower/b
	mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && cd merged && rm b && mkdir b && echo two >b/c && echo $(cat a b/c)')"

# The mounts of a share are where virtiofsd is and nowhere else.  One folder is one share: it may be written while one of its users may.
flags() { inside sh -c 'cat /proc/$(pgrep -o virtiofsd)/mountinfo' | awk -v n="-$1\$" '$5 ~ n { print $6 }'; }
expect "mounts of the host's" "" "$(inside grep kata-containers/shared /proc/self/mountinfo || true)"
expect_match "flags of what one may write" '^rw,nosuid,nodev,noexec[^ ]*$' "$(flags volume)"
expect_match "flags of what all read" '^ro,nosuid,nodev,noexec' "$(flags secret)"

stopped() { [[ $(ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }
ctr tasks kill --signal KILL $one
eventually 20 "the first container to stop" stopped $one
ctr tasks delete $one >/dev/null 2>&1 || true
ctr containers delete $one
[ -z "$(inside grep -F "/$one" /proc/mounts)" ] || fail "mounts of a removed container stay"
expect_match "flags when its writer has gone" '^ro,nosuid,nodev,noexec' "$(flags volume)"
expect "a share without a user" "" "$(flags secret)"
expect "the other container" alive "$(run_in $two echo alive)"
ctr tasks kill --signal KILL $pod
eventually 20 "the pod to stop" stopped $pod
eventually 20 "its container to stop" stopped $two
for name in $two $pod; do
	ctr tasks delete "$name" >/dev/null 2>&1 || true
	ctr containers delete "$name"
done
eventually 10 "everything to go" nothing_left $pod
eventually 10 "everything to go" nothing_left $two
passed
