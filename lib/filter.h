/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>

/*
 * filter - the only system calls that a process may make.
 *
 *	static const struct sock_filter calls[] = {
 *		FILTER_BEGIN,
 *		FILTER_ALLOW(SYS_read),
 *		FILTER_ALLOW_IF(SYS_socket, 0, UINT32_MAX, AF_UNIX),
 *		FILTER_END,
 *	};
 *	static const struct filter filter = FILTER(calls);
 *
 * A table is a program of the kernel's: nothing is compiled when a process starts.
 */

struct filter {
	const struct sock_filter *calls;
	unsigned short n;
};

/* clang-format off */
#define FILTER(table) { .calls = (table), .n = sizeof(table) / sizeof((table)[0]) }

#define FILTER_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define FILTER_RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

/* The first call that came with Linux 5.3; what is younger is filter_enter()'s to refuse. */
#define FILTER_YOUNG SYS_clone3

/* The numbers of another architecture are other calls. */
#define FILTER_BEGIN                                                 \
	FILTER_LOAD(arch),                                           \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), \
	FILTER_RETURN(SECCOMP_RET_KILL_PROCESS),                     \
	FILTER_LOAD(nr),                                             \
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_YOUNG, 0, 1),     \
	FILTER_RETURN(SECCOMP_RET_ALLOW)

#define FILTER_ALLOW(call)                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
	FILTER_RETURN(SECCOMP_RET_ALLOW)

/* With MASK, the lower half of argument NUMBER, from 0, is VALUE. */
#define FILTER_ALLOW_IF(call, number, mask, value)        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 5),  \
	FILTER_LOAD(args[number]),                        \
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (mask)),       \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), \
	FILTER_RETURN(SECCOMP_RET_ALLOW),                 \
	FILTER_LOAD(nr)

/* What every program's library asks for that has threads and may not have a process. */
#define FILTER_ALLOW_THREADS                                                                 \
	FILTER_ALLOW_IF(SYS_clone, 0, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD),     \
	FILTER_ALLOW(SYS_set_robust_list),                                                   \
	FILTER_ALLOW(SYS_set_tid_address),                                                   \
	FILTER_ALLOW(SYS_rseq),                                                              \
	FILTER_ALLOW(SYS_gettid),                                                            \
	FILTER_ALLOW(SYS_getpid),                                                            \
	FILTER_ALLOW(SYS_tgkill),                                                            \
	FILTER_ALLOW(SYS_sched_yield),                                                       \
	FILTER_ALLOW(SYS_sched_getaffinity),                                                 \
	FILTER_ALLOW(SYS_rt_sigaction),                                                      \
	FILTER_ALLOW(SYS_rt_sigprocmask),                                                    \
	FILTER_ALLOW(SYS_rt_sigreturn),                                                      \
	FILTER_ALLOW(SYS_sigaltstack),                                                       \
	FILTER_ALLOW(SYS_restart_syscall),                                                   \
	FILTER_ALLOW(SYS_exit),                                                              \
	FILTER_ALLOW(SYS_exit_group)

#define FILTER_ALLOW_MEMORY        \
	FILTER_ALLOW(SYS_brk),      \
	FILTER_ALLOW(SYS_mmap),     \
	FILTER_ALLOW(SYS_munmap),   \
	FILTER_ALLOW(SYS_mremap),   \
	FILTER_ALLOW(SYS_mprotect), \
	FILTER_ALLOW(SYS_madvise)

#define FILTER_END FILTER_RETURN(SECCOMP_RET_ERRNO | EPERM)
/* clang-format on */

/* All other calls of the calling thread fail from now on, with EPERM and a line in the kernel's
 * log; those that are younger than Linux 5.3 with ENOSYS and without one, since who makes them can
 * do without.  Needs no_new_privs or CAP_SYS_ADMIN.  -1 with errno.  Safe after fork(2). */
int filter_enter(const struct filter *filter);

#endif
