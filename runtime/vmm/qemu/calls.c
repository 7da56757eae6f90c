/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls - the system calls that QEMU may make.
 *
 * Its own filter (-sandbox) is a list of what it may not, which the next kernel makes shorter: this
 * one is of what it does, under emulation and with KVM and the kernel's vhost, from its start to
 * the end of a guest into which everything was plugged.  Sockets, taps and disks come from outside:
 * it makes none but pairs of sockets, for its daemons, and finds none.
 */

#include "runtime/vmm/qemu/calls.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static const struct sock_filter calls[] = {
	FILTER_BEGIN,
	/* what a running guest asks for most */
	FILTER_ALLOW(SYS_futex),
	FILTER_ALLOW(SYS_ppoll),
	FILTER_ALLOW(SYS_ioctl),
	FILTER_ALLOW(SYS_read),
	FILTER_ALLOW(SYS_write),
	FILTER_ALLOW(SYS_readv),
	FILTER_ALLOW(SYS_writev),
	/* descriptors that it was given */
	FILTER_ALLOW(SYS_recvmsg),
	FILTER_ALLOW(SYS_sendmsg),
	FILTER_ALLOW(SYS_recvfrom),
	FILTER_ALLOW(SYS_sendto),
	FILTER_ALLOW(SYS_shutdown),
	FILTER_ALLOW(SYS_getsockname),
	FILTER_ALLOW(SYS_getpeername),
	FILTER_ALLOW(SYS_getsockopt),
	FILTER_ALLOW(SYS_setsockopt),
	FILTER_ALLOW(SYS_pread64),
	FILTER_ALLOW(SYS_pwrite64),
	FILTER_ALLOW(SYS_preadv),
	FILTER_ALLOW(SYS_pwritev),
	FILTER_ALLOW(SYS_lseek),
	FILTER_ALLOW(SYS_fsync),
	FILTER_ALLOW(SYS_fdatasync),
	FILTER_ALLOW(SYS_fallocate),
	FILTER_ALLOW(SYS_ftruncate),
	FILTER_ALLOW(SYS_fcntl),
	FILTER_ALLOW(SYS_fstat),
	FILTER_ALLOW(SYS_fstatfs),
	FILTER_ALLOW(SYS_close),
	FILTER_ALLOW(SYS_dup),
	/* those of its own */
	FILTER_ALLOW(SYS_eventfd2),
	FILTER_ALLOW(SYS_signalfd4),
	FILTER_ALLOW(SYS_pipe2),
	FILTER_ALLOW(SYS_memfd_create),
	FILTER_ALLOW_IF(SYS_socketpair, 0, UINT32_MAX, AF_UNIX),
	FILTER_ALLOW(SYS_epoll_create1),
	FILTER_ALLOW(SYS_epoll_ctl),
	FILTER_ALLOW(SYS_epoll_wait),
	FILTER_ALLOW(SYS_epoll_pwait),
	FILTER_ALLOW(SYS_poll),
	/* files of its root */
	FILTER_ALLOW(SYS_openat),
	FILTER_ALLOW(SYS_access),
	FILTER_ALLOW(SYS_newfstatat),
	FILTER_ALLOW(SYS_stat),
	FILTER_ALLOW(SYS_readlink),
	FILTER_ALLOW(SYS_getdents64),
	/* memory */
	FILTER_ALLOW_MEMORY,
	FILTER_ALLOW(SYS_membarrier),
	/* threads, no process */
	FILTER_ALLOW_THREADS,
	FILTER_ALLOW(SYS_rt_sigpending),
	FILTER_ALLOW(SYS_rt_sigtimedwait),
	/* time and chance */
	FILTER_ALLOW(SYS_clock_gettime),
	FILTER_ALLOW(SYS_clock_getres),
	FILTER_ALLOW(SYS_clock_nanosleep),
	FILTER_ALLOW(SYS_nanosleep),
	FILTER_ALLOW(SYS_gettimeofday),
	FILTER_ALLOW(SYS_time),
	FILTER_ALLOW(SYS_getrandom),
	/* to begin: the program, its own filter, and what it asks of its machine */
	FILTER_ALLOW(SYS_execve),
	FILTER_ALLOW(SYS_arch_prctl),
	FILTER_ALLOW(SYS_seccomp),
	FILTER_ALLOW_IF(SYS_prctl, 0, UINT32_MAX, PR_SET_NO_NEW_PRIVS),
	FILTER_ALLOW_IF(SYS_prctl, 0, UINT32_MAX, PR_SET_NAME),
	FILTER_ALLOW_IF(SYS_prctl, 0, UINT32_MAX, PR_SET_TIMERSLACK),
	FILTER_ALLOW_IF(SYS_prctl, 0, UINT32_MAX, PR_MCE_KILL),
	FILTER_ALLOW(SYS_prlimit64),
	FILTER_ALLOW(SYS_sysinfo),
	FILTER_ALLOW(SYS_uname),
	FILTER_ALLOW(SYS_getuid),
	FILTER_ALLOW(SYS_geteuid),
	FILTER_ALLOW(SYS_getgid),
	FILTER_ALLOW(SYS_getegid),
	FILTER_END,
};

const struct filter qemu_calls = FILTER(calls);
