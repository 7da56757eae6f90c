/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_ROOT_H
#define TESTS_UNIT_ROOT_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/str.h"

/* Makes the test root of a user namespace of its own, and of the namespaces that FLAGS of
 * unshare(2) name.  False where the kernel or the machine's policy forbids it. */
static inline bool become_root(int flags)
{
	_free_ char *users = xasprintf("0 %u 1", geteuid());
	_free_ char *groups = xasprintf("0 %u 1", getegid());
	struct error e;

	if (unshare(CLONE_NEWUSER | flags) < 0) {
		print_message("SKIPPED: cannot make a user namespace here: %s\n", strerror(errno));
		return false;
	}
	(void)file_write("/proc/self/setgroups", "deny", &e);
	return file_write("/proc/self/uid_map", users, &e) >= 0 &&
	       file_write("/proc/self/gid_map", groups, &e) >= 0;
}

#endif
