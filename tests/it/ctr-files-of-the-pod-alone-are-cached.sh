#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What nobody but the pod changes, its root and an emptyDir, the guest caches like a disk: many small writes reach virtiofsd as few,
# what was written is read without it.  A folder that the host has as well is written through, and what the host changes is
# seen.  When the container has ended, all it wrote is on the host.
. "$(dirname "$0")/testing.sh"

name=cached$$ count=1024
empty=$work/pods/uid/volumes/kubernetes.io~empty-dir/empty
mkdir -p "$empty" "$work/host"
echo one >"$work/host/changed"
ctr run -d --runtime "$runtime" \
	--mount "type=bind,src=$empty,dst=/empty,options=rbind:rw" \
	--mount "type=bind,src=$work/host,dst=/host,options=rbind:rw" "$image" $name sleep 1000

calls() { # FIELD - system calls of all virtiofsd so far, those included that tell of an answer
	inside pgrep virtiofsd | while read -r pid; do inside awk -v "f=$1:" '$1 == f { print $2 }' "/proc/$pid/io"; done |
		awk '{ n += $1 } END { print n }'
}
in_container() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" $name sh -c "$1" </dev/null; }
write() { in_container "dd if=/dev/zero of=$1/written bs=4k count=$count 2>/dev/null"; }
took() { # FIELD COMMAND... - calls of virtiofsd that the command takes
	local before
	before=$(calls "$1")
	"${@:2}"
	echo $(($(calls "$1") - before))
}

through=$(took syscw write /host)
[ "$through" -ge $((2 * count)) ] || fail "$count writes of 4 KiB in /host were $through of virtiofsd: it is not written through"
for place in /root /empty; do
	n=$(took syscw write $place)
	[ "$n" -lt $((through / 8)) ] || fail "$count writes of 4 KiB in $place were $n of virtiofsd, in /host $through"
	n=$(took syscr in_container "cat $place/written >/dev/null")
	[ "$n" -lt $((count / 8)) ] || fail "reading what was just written in $place took $n reads of virtiofsd"
done

# The guest's kernel reads the page that a program, which may only write, writes a part of.
for place in /root /empty /host; do
	expect "what was written into a file that grew, $place" "abcdef6003" "$(in_container "f=$place/grown
		exec 3>\$f 4>>\$f && truncate -s 6000 \$f && printf abc >&3 && printf def >&4 &&
			head -c 3 \$f && tail -c 3 \$f && stat -c %s \$f")"
done

expect "a file of the host's" one "$(in_container 'cat /host/changed')"
echo two >"$work/host/changed"
sleep 1.5
expect "the same, changed by the host" two "$(in_container 'cat /host/changed')"

in_container 'echo last >/root/last; echo last >/empty/last'
ctr tasks kill --signal KILL $name
stopped() { [[ $(ctr tasks ls) =~ $name\ +[0-9]+\ +STOPPED ]]; }
eventually 20 "the container to end" stopped
ctr tasks delete $name >/dev/null 2>&1 || true
expect "what was written last to the emptyDir" last "$(cat "$empty/last")"
upper=$(ctr snapshots mounts /mnt $name | grep -o 'upperdir=[^, ]*')
expect "what was written last to the root" last "$(inside cat "${upper#*=}/root/last")"
expect "bytes of what was written first" $((count * 4096)) "$(stat -c %s "$empty/written")"
ctr containers delete $name
eventually 10 "everything to go" nothing_left $name
passed
