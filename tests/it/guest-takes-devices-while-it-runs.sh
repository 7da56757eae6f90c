#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Our kernel on our QEMU, with our two daemons: the guest mounts the shared folder, reaches the host
# by vsock, and sees a disk, a processor and memory that are plugged in while it runs.  The guest's
# only program prints what it sees whenever it changes.
. "$(dirname "$0")/../lib.sh"

require_root
require musl-gcc socat
kernel=$("$top/packaging/artefact" kernel)
qemu=$("$top/packaging/artefact" qemu)
virtiofsd=$("$top/packaging/artefact" virtiofsd)
vsock=$("$top/packaging/artefact" vhost-device-vsock)
sysroot=$("$top/packaging/artefact" sysroot)

cat >"$work/init.c" <<'END'
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static void dial_host(void)
{
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 5000 };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0)
		perror("connect");
	dprintf(fd, "hello by vsock\n");
	close(fd);
}

/* What devices there are is in the file names; a processor comes online when its file says so. */
static void online_processors(void)
{
	for (int i = 1; i < 4; i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", i);
		fd = open(path, O_WRONLY);
		if (fd >= 0 && write(fd, "1", 1) == 1)
			close(fd);
	}
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	char old[128] = "", now[128], text[64] = "";
	FILE *file;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	if (mount("kataShared", "/tmp", "virtiofs", 0, NULL) < 0)
		perror("virtiofs");
	file = fopen("/tmp/greeting", "re");
	if (file && fgets(text, sizeof(text), file))
		printf("shared: %s", text);
	dial_host();
	for (;;) {
		struct sysinfo info;

		online_processors();
		sysinfo(&info);
		snprintf(now, sizeof(now), "cpus %d, memory %s, disk %s",
			 get_nprocs(), info.totalram >> 20 > 200 ? "more" : "little",
			 access("/dev/vda", F_OK) == 0 ? "yes" : "no");
		if (strcmp(old, now) != 0)
			printf("%s\n", strcpy(old, now));
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
}
END
musl-gcc -Os -static -s -idirafter "$sysroot/include" -o "$work/init" "$work/init.c"
"$top/packaging/guest/initrd.sh" "$work/init" "$work/initrd"

mkdir "$work/share"
echo "hello by virtio-fs" >"$work/share/greeting"
"$virtiofsd/libexec/virtiofsd" --socket-path="$work/fs" --shared-dir="$work/share" \
	--cache=auto --sandbox=namespace >"$work/virtiofsd.log" 2>&1 &
cleanup kill $!
"$vsock/libexec/vhost-device-vsock" --vm "guest-cid=3,socket=$work/vs,uds-path=$work/vsock,tx-buffer-size=24576" \
	>"$work/vsock.log" 2>&1 &
cleanup kill $!
socat -u "UNIX-LISTEN:$work/vsock_5000" "CREATE:$work/heard" &
cleanup kill $!
eventually 10 "the daemons' sockets" test -S "$work/fs" -a -S "$work/vs" -a -S "$work/vsock_5000"

"$qemu/bin/qemu-system-x86_64" -M q35,memory-backend=mem0 -accel tcg -cpu max,erms=off,fsrm=off \
	-smp 1,maxcpus=2,sockets=2 -m 128,slots=2,maxmem=1G -nodefaults -no-user-config -display none \
	-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
	-object memory-backend-memfd,id=mem0,size=128M,share=on -bios qboot.rom \
	-kernel "$kernel/vmlinux" -initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet" \
	-serial "file:$work/console" -qmp "unix:$work/qmp,server=on,wait=off" -no-reboot \
	-device pcie-root-port,id=rp0,chassis=1,slot=1 \
	-chardev "socket,id=vs0,path=$work/vs" -device vhost-user-vsock-pci,chardev=vs0 \
	-chardev "socket,id=fs0,path=$work/fs" -device vhost-user-fs-pci,chardev=fs0,tag=kataShared \
	>"$work/qemu.log" 2>&1 &
cleanup kill $!

seen() { # LINE on the console
	grep -qxF "$1" <(tr -d '\r' <"$work/console") || { cat "$work"/{console,*.log}; return 1; }
}

qmp() { # COMMAND...: each must be answered without an error
	printf '%s\n' '{"execute":"qmp_capabilities"}' "$@" |
		socat -t 5 - "UNIX-CONNECT:$work/qmp" >"$work/answers"
	if grep '"error"' "$work/answers"; then
		fail "QEMU refused $*"
	fi
}

note "boot, shared folder, vsock"
eventually 60 "the guest" seen "cpus 1, memory little, disk no"
seen "shared: hello by virtio-fs"
eventually 10 "the guest's call" test -s "$work/heard"
expect "what came by vsock" "hello by vsock" "$(cat "$work/heard")"

note "a disk"
truncate -s 1M "$work/disk"
qmp '{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"d0","file":{"driver":"file","filename":"'"$work/disk"'"}}}' \
	'{"execute":"device_add","arguments":{"driver":"virtio-blk-pci","id":"blk0","drive":"d0","bus":"rp0"}}'
eventually 30 "the disk" seen "cpus 1, memory little, disk yes"

note "memory"
qmp '{"execute":"object-add","arguments":{"qom-type":"memory-backend-memfd","id":"m1","size":268435456,"share":true}}' \
	'{"execute":"device_add","arguments":{"driver":"pc-dimm","id":"dimm1","memdev":"m1"}}'
eventually 30 "the memory" seen "cpus 1, memory more, disk yes"

note "a processor"
qmp '{"execute":"device_add","arguments":{"driver":"max-x86_64-cpu","id":"cpu1","socket-id":1,"core-id":0,"thread-id":0}}'
eventually 30 "the processor" seen "cpus 2, memory more, disk yes"
