/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_JAIL_H
#define LIB_JAIL_H

#include <sys/types.h>

/* What a process sees of the host's files: nothing but these. */
struct jail {
	const char *dir;    /* an existing folder where its root is put together, hidden then from
			       the process, as it is: no path may lie in it */
	char *const *paths; /* of files, folders and devices, absolute, ended by NULL: each is there
			       under the same name, read-only (a device may be written) */
	const char *folder; /* beside those one that it may write: no program, no device; or NULL */
	uid_t owner;        /* whose the devices are */
};

/* Gives the calling process, which must have one thread, a mount namespace and a root of its own.
 * Returns NULL, or with errno the step that failed, as "verb object" before the name of a program.
 * Needs CAP_SYS_ADMIN; safe after fork(2). */
const char *jail_enter(const struct jail *jail);

#endif
