/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock - whether the process that reads the archive of a release is confined twice: by the
 * calls it may make (seccomp, without which nothing is unpacked) and by what it may reach
 * (confine.c). Any thread.
 */
#include "lib/host/landlock.h"
#include "lib/host/hostcheck.h"

static enum check_answer look(const struct host_facts *f, struct error *e)
{
	(void)f;
	if (landlock_version() > 0)
		return CHECK_HOLDS;
	(void)fail(e, ENOSYS,
		   "the kernel has no Landlock, or it is off: what unpacks a release is confined "
		   "by seccomp alone");
	return CHECK_FAILS;
}

const struct host_check check_landlock = {
	.name = "landlock",
	.weight = CHECK_HELPFUL,
	.look = look,
	.remedy = "add landlock to the list lsm= of the kernel's command line",
};
