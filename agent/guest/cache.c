/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - let go of what the guest only remembers.
 *
 * A kernel keeps copies of files in all memory that nobody else wants.  A guest does not see who
 * else wants the host's: its pod would hold for good what it has read once, though the host has the
 * same pages in its own cache and can take them from there when it must.  So every period half of
 * what is beyond a small cache goes, oldest first: what is in use is used again before its turn
 * comes, a guest at rest is small after a few minutes.  Freed pages are moved together, because
 * the host takes only whole blocks back.  A kernel without memory.reclaim keeps what it has.
 */
#include "agent/guest/cache.h"

#include <inttypes.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/str.h"

#define MEMINFO     "/proc/meminfo"
#define MEMINFO_MAX (64 * KIB)
#define RECLAIM     "/sys/fs/cgroup/memory.reclaim"
#define COMPACT     "/proc/sys/vm/compact_memory"
#define KEEP_MIN    (32 * MIB)
#define KEEP_SHARE  16 /* of all memory one part in this many */
#define WORTH_IT    (1 * MIB)

struct cache {
	struct loop *loop;
	struct work_pool *pool;
	struct io timer;
	struct job job;
	bool is_busy;
	bool is_useless; /* this kernel cannot */
};

/* The value in bytes of a line "NAME:   12345 kB"; 0 without. */
static uint64_t value_of(const char *meminfo, const char *name)
{
	const char *line = strstr(meminfo, name);
	_free_ char *number = NULL;
	struct error ignored;
	uint64_t kib = 0;

	if (!line || (line != meminfo && line[-1] != '\n'))
		return 0;
	line += strlen(name);
	line += strspn(line, ": ");
	number = xstrndup(line, strspn(line, "0123456789"));
	if (parse_u64(number, name, UINT64_MAX / KIB, &kib, &ignored) < 0)
		return 0;
	return kib * KIB;
}

uint64_t cache_excess(const char *meminfo)
{
	uint64_t old = value_of(meminfo, "Inactive(file):");
	uint64_t all = value_of(meminfo, "Active(file):") + old;
	uint64_t keep = max_u64(KEEP_MIN, value_of(meminfo, "MemTotal:") / KEEP_SHARE);
	uint64_t part = all > keep ? min_u64((all - keep) / 2, old) : 0;

	return part < WORTH_IT ? 0 : part;
}

static void give_back(struct job *job)
{
	struct cache *c = CONTAINER_OF(job, struct cache, job);
	_free_ char *meminfo = NULL;
	_free_ char *amount = NULL;
	struct error e;
	uint64_t bytes;
	int r = file_read(MEMINFO, MEMINFO_MAX, &meminfo, NULL, &e);

	if (r < 0)
		return;
	bytes = cache_excess(meminfo);
	if (bytes == 0)
		return;
	amount = xasprintf("%" PRIu64, bytes);
	r = file_write(RECLAIM, amount, &e);
	/* EAGAIN: less than that could be found. */
	if (r < 0 && r != -EAGAIN) {
		log_debug("files stay in memory: %s", e.msg);
		c->is_useless = r == -ENOENT;
		return;
	}
	if (file_write(COMPACT, "1", &e) < 0)
		log_debug("%s", e.msg);
	log_debug("let go of %" PRIu64 " KiB of files", bytes / KIB);
}

static void given_back(struct job *job)
{
	struct cache *c = CONTAINER_OF(job, struct cache, job);

	c->is_busy = false;
	if (c->is_useless)
		timer_arm(c->timer.fd, 0, 0);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct cache *c = CONTAINER_OF(io, struct cache, timer);

	(void)events;
	timer_read(io->fd);
	if (c->is_busy)
		return;
	c->is_busy = true;
	work_submit_alone(c->pool, &c->job);
}

struct cache *cache_new(struct loop *loop, struct work_pool *pool, uint32_t period_s,
			struct error *e)
{
	struct cache *c = xcalloc(1, sizeof(*c));
	uint64_t period_ms = period_s * UINT64_C(1000);

	c->loop = loop;
	c->pool = pool;
	c->job = (struct job){ .run = give_back, .done = given_back };
	c->timer = (struct io){ .fd = timer_open(e), .ready = on_timer };
	if (c->timer.fd < 0 || loop_add(loop, &c->timer, EPOLLIN, e) < 0) {
		(void)close_fd(c->timer.fd);
		free(c);
		return NULL;
	}
	timer_arm(c->timer.fd, period_ms, period_ms);
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	loop_del(c->loop, &c->timer);
	(void)close_fd(c->timer.fd);
	free(c);
}
