#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A container with a limit of huge pages has so many in its guest, for a volume (kubelet's emptyDir, a
# part of the host's own), anonymous, shared and as a file of memory; more than the limit is refused when
# it is asked for; the host's pages are not touched.  A page of 1 GiB is there or refused by name.
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

spec() { # PAGE-SIZE BYTES MOUNTS
	cat >"$work/config.json" <<-END
		{"ociVersion":"1.0.2","root":{"path":"$root"},"hostname":"h",
		 "process":{"user":{"uid":0,"gid":0},"args":["/bin/sh","/inside"],"cwd":"/","env":["PATH=/bin"]},
		 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
		  {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}$3],
		 "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"mount"}],
		  "resources":{"hugepageLimits":[{"pageSize":"$1","limit":$2}]}}}
	END
}

kept_on_host() { cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages; }
before=$(kept_on_host)
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
spec 2MB $((16 << 20)) ",{\"destination\":\"/volume\",\"type\":\"bind\",\"source\":\"$volume\",\"options\":[\"rbind\",\"rw\"]},
	{\"destination\":\"/part\",\"type\":\"bind\",\"source\":\"$work/huge/a/part\",\"options\":[\"rbind\",\"rw\"]}"
ctr run --rm --runtime "$runtime" --config "$work/config.json" small$$ >"$work/out" || true
expect_match "the volume" '/volume hugetlbfs rw[^ ]*pagesize=2M' "$(cat "$work/out")"
expect_match "a part of the host's" '/part hugetlbfs rw[^ ]*pagesize=2M' "$(cat "$work/out")"
expect "what can be done with 16 MiB of huge pages" \
	"kept 8,file ok,file ok,anon ok,shm ok,memfd ok,anon ENOMEM,file ok" "$(tail -n 8 "$work/out" | paste -sd,)"
expect "huge pages of the host" "$before" "$(kept_on_host)"

cat >"$root/inside" <<'END'
hugepages gigantic 1024
END
spec 1GB $((1 << 30)) ""
expect_match "a page of 1 GiB, which takes luck" \
	'^gigantic ok|huge pages: the guest has memory for 0 of 1 huge pages of 1048576 kB' \
	"$(ctr run --rm --runtime "$runtime" --config "$work/config.json" large$$ 2>&1 || true)"
eventually 10 "everything to go" nothing_left large$$
passed
