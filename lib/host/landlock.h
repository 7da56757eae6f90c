/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LANDLOCK_H
#define LIB_HOST_LANDLOCK_H

#include "lib/error.h"

/* The version of the kernel's Landlock; 0: it has none, or it is off. */
int landlock_version(void);

/* From now on this thread reaches no file and no peer by a name; 0 as well where the kernel has no
 * Landlock.  Needs no_new_privs. */
int landlock_deny_all(struct error *e);

#endif
