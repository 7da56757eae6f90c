/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_FSGROUP_H
#define AGENT_STORAGE_FSGROUP_H

#include "lib/error.h"

enum fsgroup_policy { FSGROUP_ALWAYS, FSGROUP_ON_ROOT_MISMATCH };

/* Lets group GID use the volume whose root is ROOTFD: everything below belongs to it and can be
 * read and written by it, new files of a folder belong to it as well.  With
 * FSGROUP_ON_ROOT_MISMATCH a root that is right already means that the rest is.  Links are not
 * followed, other mounts not entered.  Work thread. */
int fsgroup_apply(int rootfd, uint32_t gid, enum fsgroup_policy policy, struct error *e);

#endif
