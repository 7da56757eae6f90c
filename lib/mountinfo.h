/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_MOUNTINFO_H
#define LIB_MOUNTINFO_H

#include "lib/error.h"

/*
 * The mounts of a mount namespace, as /proc/PID/mountinfo lists them (proc(5)): in the order they
 * were made, so of those at one place the last is on top.
 */
struct mountinfo_entry {
	uint64_t id;
	uint64_t parent; /* id of the mount it is on */
	char *root;      /* the part of its file system, "/a b"; "...//deleted" if that is gone */
	char *point;     /* where it is, seen from the root of the process */
	char *options;   /* of the mount, not of its file system: "rw,nosuid,relatime" */
};

struct mountinfo {
	struct mountinfo_entry *entries;
	size_t n;
};

#define MOUNTINFO_MAX (16 * MIB)

/* Lines that are none of that format are left out.  Never fails. */
void mountinfo_parse(const char *text, struct mountinfo *ret_info);
/* Those of this process. */
int mountinfo_read(struct mountinfo *ret_info, struct error *e);
void mountinfo_done(struct mountinfo *info);
#define _mountinfo_ _cleanup_(mountinfo_done)

#endif
