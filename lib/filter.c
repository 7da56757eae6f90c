/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - the only system calls that a process may make.
 *
 * A call that is refused fails and does not kill: programs of other versions than those that a list
 * was made for try calls that they can do without, and a guest should not end for one.  The kernel
 * logs it.  Libraries try the youngest calls first at every start, which is nothing to log: a
 * filter of their own refuses them by their numbers.  The calls of the ABI x32 have numbers above
 * all others.
 */

#include "lib/filter.h"

#include <stdint.h>
#include <unistd.h>

static int enter(const struct filter *filter, unsigned flags)
{
	const struct sock_fprog program = {
		.len = filter->n,
		.filter = (struct sock_filter *)(uintptr_t)filter->calls,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

int filter_enter(const struct filter *filter)
{
	static const struct sock_filter young_calls[] = {
		FILTER_LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_YOUNG, 0, 1),
		FILTER_RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		FILTER_RETURN(SECCOMP_RET_ALLOW),
	};
	static const struct filter young = FILTER(young_calls);

	if (enter(&young, 0) < 0)
		return -1;
	return enter(filter, SECCOMP_FILTER_FLAG_LOG);
}
