/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest - the machine itself: processors, memory, entropy, and what this agent can do.
 *
 * Hot-plugged parts appear in sysfs some time after the VMM added them, so OnlineCPUMem looks again
 * after every uevent until as many are on line as were asked for, or hold the huge pages.  What
 * would change the machine is refused when the agent is not its first process: a test must not
 * change a developer's machine. Handlers run on work threads.
 */

#include "agent/guest/guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/device/uevent.h"
#include "agent/guest/hugepages.h"
#include "agent/guest/limits.h"
#include "agent/sandbox.h"
#include "agent/storage/storage.h"

#define ONLINE_WAIT_MS  5000
#define PAGES_WAIT_MS   30000 /* an emulated guest has to clear them */
#define SEED_MAX        4096
#define PROBES_MAX      4096
#define KNOB_MAX        64 /* bytes of a small file of sysfs */
#define SYSFS           "/sys"
#define MEMORY_PROBE    SYSFS "/devices/system/memory/probe"
#define BLOCK_SIZE_FILE SYSFS "/devices/system/memory/block_size_bytes"

static int need_guest(const struct sandbox *sb, const char *what, struct error *e)
{
	if (!sb->config->is_init)
		return fail(e, EPERM, "cannot %s: this agent is not the first process of a guest",
			    what);
	return 0;
}

/* "PREFIX<number>" */
static bool is_numbered(const char *name, const char *prefix)
{
	const char *digits = name + strlen(prefix);

	return str_starts(name, prefix) && *digits &&
	       strspn(digits, "0123456789") == strlen(digits);
}

/* 1 if the part is on line afterwards, 0 if not.  A part without the knob cannot be off line. */
static int online_one(const char *dir, const char *name, struct error *e)
{
	_free_ char *path = xasprintf("%s/%s/online", dir, name);
	_free_ char *state = NULL;
	int r = file_read(path, KNOB_MAX, &state, NULL, e);

	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return r;
	if (state[0] == '1')
		return 1;
	return file_write(path, "1", e) < 0 ? 0 : 1;
}

static int online_all(const char *sysfs, const char *kind, const char *prefix, unsigned *ret_online,
		      struct error *e)
{
	_free_ char *dir = xasprintf("%s/devices/system/%s", sysfs, kind);
	DIR *d = opendir(dir);
	struct dirent *entry;
	unsigned online = 0;
	int r = 0;

	if (!d)
		return fail(e, errno, "cannot list '%s': %m", dir);
	for (entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
		if (!is_numbered(entry->d_name, prefix))
			continue;
		r = online_one(dir, entry->d_name, e);
		if (r > 0)
			online++;
	}
	(void)closedir(d);
	if (r < 0)
		return r;
	*ret_online = online;
	return 0;
}

int guest_online_cpus(const char *sysfs, unsigned *ret_online, struct error *e)
{
	return online_all(sysfs, "cpu", "cpu", ret_online, e);
}

int guest_online_memory(const char *sysfs, unsigned *ret_online, struct error *e)
{
	return online_all(sysfs, "memory", "memory", ret_online, e);
}

void guest_take_memory(void)
{
	unsigned online;
	struct error e;

	if (guest_online_memory(SYSFS, &online, &e) < 0)
		log_debug("%s", e.msg);
}

static int look_for_cpus(void *arg, struct error *e)
{
	const unsigned *wanted = arg;
	unsigned online;
	int r = guest_online_cpus(SYSFS, &online, e);

	return r < 0 ? r : online >= *wanted;
}

static int grow_memory(struct error *e)
{
	unsigned blocks;
	uint64_t kib;
	int r = guest_online_memory(SYSFS, &blocks, e);

	if (r >= 0)
		r = limits_memory_kib("/proc/meminfo", &kib, e);
	if (r >= 0)
		limits_follow_memory("/proc/sys", kib);
	return r;
}

static int read_block_size(uint64_t *ret_bytes, struct error *e)
{
	_free_ char *text = NULL;
	int r = file_read(BLOCK_SIZE_FILE, KNOB_MAX, &text, NULL, e);

	/* A kernel without memory hot-plug has no such file. */
	if (r == -ENOENT) {
		*ret_bytes = 0;
		return 0;
	}
	if (r < 0)
		return r;
	return parse_hex(str_trim(text), "memory block size", UINT64_MAX, ret_bytes, e);
}

struct pages_wait {
	struct hugepages_pools *pools;
	struct hugepages pages;
	uint64_t memory_bytes;
};

/* New memory comes in block by block; before the last is there to look for pages is in vain. */
static int look_for_pages(void *arg, struct error *e)
{
	struct pages_wait *w = arg;
	uint64_t block_bytes = 0;
	unsigned online;
	int r = guest_online_memory(SYSFS, &online, e);

	if (r >= 0)
		r = read_block_size(&block_bytes, e);
	if (r < 0 || online * block_bytes < w->memory_bytes)
		return r;
	r = hugepages_keep(w->pools, &w->pages, e);
	return r == -ENOMEM ? 0 : r < 0 ? r : 1;
}

static int keep_pages(struct rpc_request *req, const Agent__OnlineCPUMemRequest *in,
		      struct error *e)
{
	struct sandbox *sb = rpc_context(req);
	struct pages_wait w = { .pools = sb->pages, .memory_bytes = in->memory_mib * MIB };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < in->n_huge_pages; i++)
		r = hugepages_add(&w.pages, in->huge_pages[i]->page_bytes, in->huge_pages[i]->bytes,
				  e);
	if (r >= 0)
		r = uevents_wait(sb->uevents, "huge pages", look_for_pages, &w,
				 min_u64(rpc_deadline_ms(req), deadline_in(PAGES_WAIT_MS)),
				 rpc_cancel(req), e);
	/* Says how many there are. */
	return r == -ETIMEDOUT ? hugepages_keep(sb->pages, &w.pages, e) : r;
}

int guest_rpc_online_cpu_mem(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__OnlineCPUMemRequest *in = in_;
	struct sandbox *sb = rpc_context(req);
	unsigned wanted = in->nb_cpus;
	char what[48];
	int r = need_guest(sb, "put processors on line", e);

	(void)out;
	if (r == 0 && wanted > 0) {
		(void)snprintf(what, sizeof(what), "%u processors on line", wanted);
		r = uevents_wait(sb->uevents, what, look_for_cpus, &wanted,
				 min_u64(rpc_deadline_ms(req), deadline_in(ONLINE_WAIT_MS)),
				 rpc_cancel(req), e);
	}
	if (r >= 0 && !in->cpu_only)
		r = grow_memory(e);
	if (r >= 0 && in->n_huge_pages > 0)
		r = keep_pages(req, in, e);
	return r < 0 ? r : 0;
}

int guest_rpc_mem_hotplug_by_probe(struct rpc_request *req, const void *in_, void *out,
				   struct error *e)
{
	const Agent__MemHotplugByProbeRequest *in = in_;
	int r = need_guest(rpc_context(req), "probe memory", e);

	(void)out;
	if (in->n_memhotplugprobeaddr > PROBES_MAX)
		return fail(e, E2BIG, "%zu addresses of memory are more than %d",
			    in->n_memhotplugprobeaddr, PROBES_MAX);
	for (size_t i = 0; i < in->n_memhotplugprobeaddr && r == 0; i++) {
		_free_ char *text =
			xasprintf("0x%llX", (unsigned long long)in->memhotplugprobeaddr[i]);

		r = file_write(MEMORY_PROBE, text, e);
	}
	return r;
}

static Agent__AgentDetails *agent_details(const struct sandbox *sb)
{
	Agent__AgentDetails *d = message_new(&agent__agent_details__descriptor);
	strv drivers = NULL, features = NULL;

	d->version = xstrdup(KATA_COMPATIBLE);
	d->init_daemon = sb->config->is_init;
	d->supports_seccomp = file_exists("/proc/sys/kernel/seccomp");
	for (size_t i = 0; storage_driver_name(i); i++)
		strv_add(&drivers, storage_driver_name(i));
	d->n_storage_handlers = strv_len(drivers);
	d->storage_handlers = drivers;
	if (d->supports_seccomp)
		strv_add(&features, "seccomp");
	d->n_extra_features = strv_len(features);
	d->extra_features = features;
	return d;
}

int guest_rpc_details(struct rpc_request *req, const void *in_, void *out_, struct error *e)
{
	const Agent__GuestDetailsRequest *in = in_;
	Agent__GuestDetailsResponse *out = out_;
	int r = 0;

	if (in->mem_block_size)
		r = read_block_size(&out->mem_block_size_bytes, e);
	if (in->mem_hotplug_probe)
		out->support_mem_hotplug_probe = file_exists(MEMORY_PROBE);
	if (r == 0)
		out->agent_details = agent_details(rpc_context(req));
	return r;
}

static int add_entropy(int fd, const void *seed, size_t len, struct error *e)
{
	size_t size = sizeof(struct rand_pool_info) + len;
	_free_ struct rand_pool_info *pool = xcalloc(1, size);

	pool->entropy_count = (int)(len * 8);
	pool->buf_size = (int)len;
	memcpy(pool->buf, seed, len);
	if (ioctl(fd, RNDADDENTROPY, pool) < 0)
		return fail(e, errno, "cannot add %zu bytes of entropy: %m", len);
	return 0;
}

int guest_rpc_reseed_random(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__ReseedRandomDevRequest *in = in_;
	_close_ int fd = -1;
	int r = need_guest(rpc_context(req), "reseed the random generator", e);

	(void)out;
	if (r < 0)
		return r;
	if (in->data.len == 0 || in->data.len > SEED_MAX)
		return fail(e, EINVAL, "a seed of %zu bytes is not within 1 and %d", in->data.len,
			    SEED_MAX);
	fd = open("/dev/random", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '/dev/random': %m");
	r = add_entropy(fd, in->data.data, in->data.len, e);
	if (r == 0 && ioctl(fd, RNDRESEEDCRNG) < 0)
		r = fail(e, errno, "cannot reseed the random generator: %m");
	return r;
}
