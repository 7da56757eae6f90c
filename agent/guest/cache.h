/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_CACHE_H
#define AGENT_GUEST_CACHE_H

#include "lib/work.h"

/* Gives memory that only holds copies of files back to the host, a part every PERIOD_S seconds.  Io
 * thread, as all below. */
struct cache;

struct cache *cache_new(struct loop *loop, struct work_pool *pool, uint32_t period_s,
			struct error *e);
/* After work_pool_stop(). */
void cache_free(struct cache *c);

/* Bytes to be given back now, by the text of /proc/meminfo. */
uint64_t cache_excess(const char *meminfo);

#endif
