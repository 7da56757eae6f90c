/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine - a process that reads what strangers wrote can do nothing else.
 *
 * In the order in which each step still may be done: another user (root only), no capabilities, no
 * new privileges, Landlock without a rule, so that no name leads anywhere, and a seccomp filter
 * last.  The filter alone would do; each of the others still holds if a hole in the kernel or in
 * the list of calls lets something through.  Landlock by its system calls: the libraries here are
 * older than half of its rights, and rights that the kernel does not know may not be asked for.  A
 * kernel without seccomp is refused.  For a child right after fork(2), of one thread.
 *
 * One that asks servers needs files by name, so in the place of Landlock it gets a root with
 * nothing but those (lib/jail.h), as far as we may give it one; the filter lets it open files to
 * read alone. Libraries change which calls they make, so there an unknown one fails and does not
 * kill.
 */
#include "lib/host/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/host/landlock.h"
#include "lib/loop.h"

/* Nobody's: systemd keeps 65520 to 65533 free, and a user namespace of a pod maps it. */
#define OWN_ID 65530

#define CONFINE_FDS_MAX 8

/* The last but two is what the sanitizers' end of a process calls. */
static const int allowed[] = {
	SCMP_SYS(read),         SCMP_SYS(pread64),         SCMP_SYS(write),       SCMP_SYS(brk),
	SCMP_SYS(munmap),       SCMP_SYS(mremap),          SCMP_SYS(madvise),     SCMP_SYS(futex),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(sigaltstack), SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Their third argument says what the memory is for. */
static const int allowed_without_code[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };

/* Without the right to, or in a user namespace without such a user, root stays without power.  What
 * a program could gain (the bounding set) does not matter: none is ever executed. */
static int leave_root(struct error *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { 0 };

	if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(OWN_ID, OWN_ID, OWN_ID) == 0)
		(void)!setresuid(OWN_ID, OWN_ID, OWN_ID);
	return syscall(SYS_capset, &header, none) < 0
		       ? fail(e, errno, "cannot take the capabilities from a process: %m")
		       : 0;
}

/* Another user forgets whose end was to be ours, and so this comes after. */
static int end_with(pid_t parent, struct error *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return fail(e, errno, "cannot bind a process to its parent: %m");
	return getppid() == parent ? 0 : fail(e, ESRCH, "the parent has ended");
}

/* Beside those, what libcurl, OpenSSL and the C library do to ask a server. */
static const int networked[] = {
	/* descriptors */
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(ioctl),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(pread64),
	SCMP_SYS(fstat),
	SCMP_SYS(stat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	/* sockets that there are */
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
	/* threads, of which one finds names */
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(rseq),
	SCMP_SYS(gettid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(tgkill),
	SCMP_SYS(getpid),
	SCMP_SYS(prctl),
	/* who, when and by chance */
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getrandom),
};

/* The files that say how names are found. */
static char *const resolver_files[] = {
	(char[]){ "/etc/resolv.conf" },   (char[]){ "/etc/hosts" },
	(char[]){ "/etc/nsswitch.conf" }, (char[]){ "/etc/host.conf" },
	(char[]){ "/etc/gai.conf" },
};

/* A folder that is always there, in which the root is put together, and none of these files. */
#define JAIL_PLACE "/proc"

static int add_rules(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(allowed_without_code); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_without_code[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* Of the internet alone, files to be read alone, threads and no processes; without clone3(2), whose
 * flags a filter does not see, libraries use clone(2). */
static int add_network_rules(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	int r = add_rules(filter);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(networked); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, networked[i], 0);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	if (r >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
	if (r >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
	if (r >= 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM | CLONE_THREAD,
					     CLONE_VM | CLONE_THREAD));
	return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int enter_seccomp(uint32_t otherwise, int (*add)(scmp_filter_ctx filter), struct error *e)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int r = filter ? add(filter) : -ENOMEM;

	if (r >= 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r < 0 ? fail(e, -r, "cannot confine a process by seccomp: %m") : 0;
}

static int keep_privileges_away(struct error *e)
{
	/* Another process of this user sees nothing of it, and nothing of it is dumped. */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? fail(e, errno, "cannot keep new privileges from a process: %m")
		       : 0;
}

/* Who may make none, as in some containers, has what it is otherwise. */
static int enter_jail(struct error *e)
{
	char *paths[ARRAY_SIZE(resolver_files) + 1] = { NULL };
	const struct jail jail = { .dir = JAIL_PLACE, .paths = paths };
	const char *failed;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(resolver_files); i++)
		if (file_exists(resolver_files[i]))
			paths[n++] = resolver_files[i];
	if (geteuid() != 0)
		return 0;
	failed = jail_enter(&jail);
	return failed && errno != EPERM
		       ? fail(e, errno, "cannot %s a process on the network: %m", failed)
		       : 0;
}

static int arrange_fds(const int *fds, int n)
{
	int moved[CONFINE_FDS_MAX];

	for (int i = 0; i < n; i++) {
		moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, n);
		if (moved[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++)
		if (dup2(moved[i], i) < 0)
			return -1;
	return (int)syscall(SYS_close_range, (unsigned)n, ~0U, 0);
}

int confine_fork(const int *fds, int n, struct proc *ret_child, struct error *e)
{
	pid_t pid = n <= CONFINE_FDS_MAX ? fork() : -1;
	int pidfd;

	if (pid < 0)
		return fail(e, errno, "cannot fork: %m");
	if (pid == 0) {
		proc_reset_signals();
		/* An interrupt is told to the parent, who says so and ends us. */
		(void)setsid();
		if (arrange_fds(fds, n) < 0)
			_exit(1);
		return 0;
	}
	pidfd = child_open(pid, e);
	if (pidfd < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return pidfd;
	}
	*ret_child = (struct proc){ .pid = pid, .pidfd = pidfd };
	return 1;
}

int confine_self(pid_t parent, struct error *e)
{
	if (leave_root(e) < 0 || end_with(parent, e) < 0 || keep_privileges_away(e) < 0 ||
	    landlock_deny_all(e) < 0)
		return -e->code;
	return enter_seccomp(SCMP_ACT_KILL_PROCESS, add_rules, e);
}

int confine_to_network(pid_t parent, struct error *e)
{
	if (enter_jail(e) < 0 || leave_root(e) < 0 || end_with(parent, e) < 0 ||
	    keep_privileges_away(e) < 0)
		return -e->code;
	return enter_seccomp(SCMP_ACT_ERRNO(EPERM), add_network_rules, e);
}
