/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_WATCH_H
#define AGENT_STORAGE_WATCH_H

#include "lib/error.h"

struct loop;
struct points;
struct watches;
struct work_pool;

/*
 * Small volumes of the host's that are copied into the guest and kept the same, so that programs
 * which watch them get events.
 */

/* How much one volume may be. */
struct watch_limits {
	unsigned entries;
	uint64_t bytes;
};

/* What a volume may be to be copied at all, as the protocol has it, and what it may grow to. */
extern const struct watch_limits watch_first, watch_later;

/* Makes the folder TARGETFD the same as SOURCEFD.  A file is replaced as a whole, links are changed
 * after what they lead to is there, and what is gone is removed last, as kubelet does it.  E2BIG:
 * it is more than LIMITS.  Work thread. */
int watch_copy(int sourcefd, int targetfd, const struct watch_limits *limits, struct error *e);

/* Looks after volumes once a second, as long as the point each is mounted on exists.  Before
 * loop_run(). */
struct watches *watches_new(struct loop *loop, struct work_pool *pool, struct points *points,
			    struct error *e);
/* After loop_run(). */
void watches_free(struct watches *ws);

/* Keeps TARGETFD, on the point PATH, the same as SOURCEFD from now on.  Work thread. */
void watches_add(struct watches *ws, const char *path, int own_sourcefd, int own_targetfd);

#endif
