/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_EPHEMERAL_H
#define RUNTIME_SANDBOX_EPHEMERAL_H

#include <sys/types.h>

#include "lib/error.h"

/*
 * ephemeral - a pod's volumes in memory (emptyDir with medium: Memory or HugePages), which are the
 * guest's.
 */

/* What kubelet made on the host, to be made alike in the guest. */
struct ephemeral {
	char *name;         /* of the volume */
	char *sub;          /* the part of it that is mounted, "" for all, never with ".." */
	uint64_t page_size; /* of huge pages, bytes; 0: a tmpfs */
	uint64_t size;      /* of the volume, bytes; 0: it has none */
	mode_t mode;        /* of the volume's top */
	uid_t uid;
	gid_t gid;
	mode_t sub_mode; /* of the part's */
	gid_t sub_gid;
};

/* Whether SOURCE of a mount is such a volume or a part of one (subPath): 1 with *ret filled, 0 if
 * it is something else.  Work thread. */
int ephemeral_find(const char *source, struct ephemeral *ret, struct error *e);
void ephemeral_done(struct ephemeral *v);
#define _ephemeral_ _cleanup_(ephemeral_done)

/* The emptyDir that SOURCE is or is a part of (subPath), by its path, whatever it lies on; NULL if
 * it is none.  Caller frees. */
char *volume_of_pod(const char *source);

/* The guest's path of V's part.  Caller frees. */
char *ephemeral_guest_path(const struct ephemeral *v);
struct gifts;
/* Adds what the agent must make for V.  Each is shared: it outlives the container. */
void ephemeral_add_storages(const struct ephemeral *v, struct gifts *g);

#endif
