/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock - Landlock by its system calls.
 *
 * The libraries that programs are built with are older than half of its rights, so these are
 * counted here, by the version of the kernel: one that a kernel does not know may not be asked for.
 * Any thread.
 */
#include "lib/host/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#define GIVE_VERSION 1U /* flag of landlock_create_ruleset(2) */

/* For landlock_create_ruleset(2); a kernel that knows fewer members takes the rest as long as it is
 * zero. */
struct rights {
	uint64_t files, network, scope;
};

/* How many rights of each kind there are since a version. */
static const struct {
	int version;
	unsigned files, network, scope;
} versions[] = {
	{ 6, 16, 2, 2 }, { 5, 16, 2, 0 }, { 4, 15, 2, 0 },
	{ 3, 15, 0, 0 }, { 2, 14, 0, 0 }, { 1, 13, 0, 0 },
};

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, GIVE_VERSION);

	return version > 0 ? (int)version : 0;
}

static uint64_t all(unsigned n)
{
	return (UINT64_C(1) << n) - 1;
}

int landlock_deny_all(struct error *e)
{
	int version = landlock_version();
	struct rights rights = { 0 };
	_close_ int fd = -1;

	if (version == 0)
		return 0;
	for (size_t i = ARRAY_SIZE(versions); i-- > 0;)
		if (version >= versions[i].version)
			rights = (struct rights){
				.files = all(versions[i].files),
				.network = all(versions[i].network),
				.scope = all(versions[i].scope),
			};
	fd = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return fail(e, errno, "cannot confine a process by Landlock: %m");
	return 0;
}
