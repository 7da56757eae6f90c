#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A container with a limit of huge pages has so many in its guest, for a volume (kubelet's emptyDir, a
# part of the host's own), anonymous, shared and as a file of memory; more than the limit is refused when
# it is asked for.  A page of 1 GiB is there as well, beside those of 2 MiB, whose whole blocks of 128 MiB the host's
# pages are used for where it has them.
. "$(dirname "$0")/testing.sh"
require gcc
[ "$runtime" != io.containerd.runc.v2 ] || skip "the pages of the host would be needed"
inside grep -qw hugetlbfs /proc/filesystems || skip "this kernel has no hugetlbfs to mount"

root=$work/root-of-image
mkdir -p "$root"/{bin,proc,dev,sys,tmp,volume,part}
cp /bin/busybox "$root/bin/"
ln -s busybox "$root/bin/sh"
gcc -static -O2 -o "$root/bin/hugepages" "$top/tests/it/hugepages.c"

volume=$work/pods/one/volumes/kubernetes.io~empty-dir/huge
mkdir -p "$volume" "$work/huge"
inside mount -t hugetlbfs -o pagesize=2M none "$volume"
inside mount -t hugetlbfs -o pagesize=2M none "$work/huge"
inside mkdir -p "$work/huge/a/part"

spec() { # LIMITS MOUNTS
	cat >"$work/config.json" <<-END
		{"ociVersion":"1.0.2","root":{"path":"$root"},"hostname":"h",
		 "process":{"user":{"uid":0,"gid":0},"args":["/bin/sh","/inside"],"cwd":"/","env":["PATH=/bin"]},
		 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
		  {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}$2],
		 "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"mount"},{"type":"network"},{"type":"uts"}],
		  "resources":{"memory":{"limit":$((64 << 20))},"hugepageLimits":[$1]}}}
	END
}
limit() { echo "{\"pageSize\":\"$1\",\"limit\":$2}"; }
volume() { echo ",{\"destination\":\"$1\",\"type\":\"bind\",\"source\":\"$2\",\"options\":[\"rbind\",\"rw\"]}"; }

cat >"$root/inside" <<'END'
busybox grep -E ' /(volume|part) ' /proc/mounts | busybox cut -d' ' -f2-4
busybox sed -n 's/HugePages_Total: */kept /p' /proc/meminfo
hugepages file /volume 4
hugepages file /part 4
hugepages anon 8
hugepages shm 8
hugepages memfd 8
hugepages anon 32
busybox rm /volume/pages /part/pages
hugepages file /volume 16
END
spec "$(limit 2MB $((16 << 20)))" "$(volume /volume "$volume")$(volume /part "$work/huge/a/part")"
ctr run --rm --runtime "$runtime" --config "$work/config.json" small$$ >"$work/out" || true
expect_match "the volume" '/volume hugetlbfs rw[^ ]*pagesize=2M' "$(cat "$work/out")"
expect_match "a part of the host's" '/part hugetlbfs rw[^ ]*pagesize=2M' "$(cat "$work/out")"
expect "what can be done with 16 MiB of huge pages" \
	"kept 8,file ok,file ok,anon ok,shm ok,memfd ok,anon ENOMEM,file ok" "$(tail -n 8 "$work/out" | paste -sd,)"

cat >"$root/inside" <<'END'
busybox awk '$2 == "/volume" { print $3, $4 }' /proc/mounts
hugepages anon-1G 1024
hugepages shm-1G 1024
hugepages memfd-1G 1024
hugepages anon 144
hugepages anon-1G 2048
hugepages anon 146
hugepages file /volume 1024
busybox echo "that was all"
read -r go
exit 0
END
inside umount "$volume"
inside mount -t hugetlbfs -o pagesize=1G none "$volume"
# Another test may change the pool as well.
pool=/sys/kernel/mm/hugepages/hugepages-2048kB
exec 8<$pool
flock 8
before=$(<$pool/nr_hugepages)
as_before() { echo "$before" >$pool/nr_hugepages; }
cleanup as_before
echo $((before + 64)) >$pool/nr_hugepages
unpromised() { echo $(($(<$pool/free_hugepages) - $(<$pool/resv_hugepages))); }
free=$(unpromised)
spec "$(limit 2MB $((144 << 20))),$(limit 1GB $((1 << 30)))" "$(volume /volume "$volume")"
mkfifo "$work/in"
ctr run --rm --runtime "$runtime" --config "$work/config.json" large$$ <"$work/in" >"$work/out" 2>&1 &
client=$!
exec 5>"$work/in"
ended() { grep -qx "that was all" "$work/out" || ! kill -0 $client 2>/dev/null; }
eventually 120 "the container to try all" ended
if ((free >= 64)); then
	expect "the host's pages of 2 MiB that the guest has" 64 $((free - $(unpromised)))
else
	note "the host has only $free huge pages"
fi
exec 5>&-
wait $client || true
expect_match "the volume" 'hugetlbfs rw[^ ]*pagesize=1024M' "$(cat "$work/out")"
expect "what can be done with a page of 1 GiB and 16 MiB of others" \
	"anon-1G ok,shm-1G ok,memfd-1G ok,anon ok,anon-1G ENOMEM,anon ENOMEM,file ok,that was all" "$(tail -n 8 "$work/out" | paste -sd,)"
eventually 10 "everything to go" nothing_left large$$
passed
