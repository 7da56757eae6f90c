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
 */
#include "lib/host/confine.h"

#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "lib/host/landlock.h"

/* Nobody's: systemd keeps 65520 to 65533 free, and a user namespace of a pod maps it. */
#define OWN_ID 65530

/* The last but two is what the sanitizers' end of a process calls. */
static const int allowed[] = {
	SCMP_SYS(read),        SCMP_SYS(write),        SCMP_SYS(brk),
	SCMP_SYS(munmap),      SCMP_SYS(mremap),       SCMP_SYS(madvise),
	SCMP_SYS(futex),       SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit),         SCMP_SYS(exit_group),
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

static int enter_seccomp(struct error *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? add_rules(filter) : -ENOMEM;

	if (r >= 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r < 0 ? fail(e, -r, "cannot confine a process by seccomp: %m") : 0;
}

int confine_self(pid_t parent, struct error *e)
{
	if (leave_root(e) < 0 || end_with(parent, e) < 0)
		return -e->code;
	/* Another process of this user sees nothing of it, and nothing of it is dumped. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "cannot keep new privileges from a process: %m");
	if (landlock_deny_all(e) < 0)
		return -e->code;
	return enter_seccomp(e);
}
