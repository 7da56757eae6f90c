/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel - whether the host's kernel has the system calls the runtime is made of: openat2(2),
 * pidfds with waitid(2), close_range(2), mount_setattr(2)'s relatives.  Any thread.
 */
#include <stdio.h>
#include <sys/utsname.h>

#include "lib/host/hostcheck.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	(void)f;
	(void)uname(&name);
	/* The format is the kernel's own: "6.1.0-13-amd64". */
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)))
		return CHECK_HOLDS;
	(void)fail(e, ENOTSUP, "Linux %s is too old, %d.%d is needed", name.release, KERNEL_MAJOR,
		   KERNEL_MINOR);
	return CHECK_FAILS;
}

const struct host_check check_kernel = {
	.name = "kernel",
	.weight = CHECK_NEEDED,
	.look = look,
	.remedy = "install Linux 5.10 or newer",
	.unsuitable = "KernelTooOld",
};
