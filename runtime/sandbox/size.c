/* SPDX-License-Identifier: Apache-2.0 */
/*
 * size - how many processors and how much memory a VM needs.
 *
 * A VM has what the configuration gives every VM, for the guest itself and for containers without
 * limits, plus the limits of its containers.  Processors are counted in thousandths until the
 * end, so that four containers of a quarter each need one.
 *
 * Huge pages are memory of their own beside the others': limits say so, and on a host they come
 * from another account.  So they are plugged in as modules of their own, in whole blocks.  A page
 * of 1 GiB needs memory in one piece, of which nothing else has taken a part: what a kernel makes
 * for new memory it puts where memory came first, so an ordinary block precedes such a module.
 *
 * The VM's processes live in the pod's cgroup.  Where that has a limit, a VM that may grow beyond
 * is killed as a whole, though none of its containers did wrong; so it gets no more memory than the
 * limit leaves.  Pure functions.
 */

#include "runtime/sandbox/size.h"

#include <math.h>
#include <string.h>

#define CPU_PERIOD_US     UINT64_C(100000)
#define SHARES_PER_CPU    UINT64_C(1024)
#define CPU_MILLI_MAX     (UINT64_C(4096) * 1000)
#define NO_LIMIT          (UINT64_MAX / 4)
#define ANNOTATION_PREFIX "io.kubernetes.cri.sandbox-"

const struct size_pages_kind size_pages_kinds[N_SIZE_PAGES] = {
	[SIZE_PAGES_2M] = { "2MB", 2 },
	[SIZE_PAGES_1G] = { "1GB", 1024 },
};

static uint64_t cpu_milli(int64_t quota, uint64_t period, uint64_t shares)
{
	uint64_t milli = 0;

	if (period == 0)
		period = CPU_PERIOD_US;
	if (quota > 0)
		milli = ((uint64_t)quota > UINT64_MAX / 1000 ? UINT64_MAX / 1000
							     : (uint64_t)quota) *
			1000 / period;
	else if (quota < 0 && shares > SHARES_PER_CPU)
		milli = min_u64(shares, UINT64_MAX / 1000) * 1000 / SHARES_PER_CPU;
	return min_u64(milli, CPU_MILLI_MAX);
}

/* What limits say by the names of their files is as much of a limit. */
static const char *unified(const Oci__LinuxResources *resources, const char *file)
{
	for (size_t i = 0; resources && i < resources->n_unified; i++)
		if (strcmp(resources->unified[i]->key, file) == 0)
			return resources->unified[i]->value;
	return "";
}

static void add_unified(struct size *size, const Oci__LinuxResources *resources)
{
	const char *max = unified(resources, "cpu.max");
	const char *space = strchr(max, ' ');
	_free_ char *first = xstrndup(max, space ? (size_t)(space - max) : strlen(max));
	uint64_t quota, bytes, period = 0;
	struct error ignored;

	if (space && parse_u64(space + 1, "cpu.max", UINT32_MAX, &period, &ignored) < 0)
		period = 0;
	if (parse_u64(first, "cpu.max", INT64_MAX, &quota, &ignored) >= 0)
		size->cpu_milli = cpu_milli((int64_t)quota, period, 0);
	if (parse_u64(unified(resources, "memory.max"), "memory.max", INT64_MAX, &bytes,
		      &ignored) >= 0)
		size->memory_bytes = bytes;
}

static void add_pages(struct size *size, const Oci__LinuxHugepageLimit *limit)
{
	for (size_t k = 0; limit->limit < NO_LIMIT && k < N_SIZE_PAGES; k++)
		if (strcmp(limit->pagesize, size_pages_kinds[k].name) == 0)
			size->pages_mib[k] = limit->limit / MIB;
}

struct size size_of_resources(const Oci__LinuxResources *resources)
{
	struct size size = { 0 };

	if (resources && resources->cpu)
		size.cpu_milli = cpu_milli(resources->cpu->quota, resources->cpu->period, 0);
	if (resources && resources->memory && resources->memory->limit > 0)
		size.memory_bytes = (uint64_t)resources->memory->limit;
	add_unified(&size, resources);
	for (size_t i = 0; resources && i < resources->n_hugepagelimits; i++)
		add_pages(&size, resources->hugepagelimits[i]);
	return size;
}

struct size size_update(struct size before, const Oci__LinuxResources *resources)
{
	struct size after = size_of_resources(resources);

	if (!unified(resources, "cpu.max")[0] &&
	    (!resources || !resources->cpu || resources->cpu->quota == 0))
		after.cpu_milli = before.cpu_milli;
	if (!unified(resources, "memory.max")[0] &&
	    (!resources || !resources->memory || resources->memory->limit == 0))
		after.memory_bytes = before.memory_bytes;
	for (size_t k = 0; (!resources || resources->n_hugepagelimits == 0) && k < N_SIZE_PAGES;
	     k++)
		after.pages_mib[k] = before.pages_mib[k];
	return after;
}

/* A missing annotation is 0. */
static int number(const Oci__Spec *spec, const char *key, int64_t *ret_value, struct error *e)
{
	const char *text = spec_annotation(spec, key);

	*ret_value = 0;
	if (str_empty(text))
		return 0;
	return parse_i64(text, key, INT64_MIN, INT64_MAX, ret_value, e);
}

int size_of_pod(const Oci__Spec *spec, struct size *ret_size, struct error *e)
{
	int64_t quota, period, shares, memory;
	int r = number(spec, ANNOTATION_PREFIX "cpu-quota", &quota, e);

	if (r >= 0)
		r = number(spec, ANNOTATION_PREFIX "cpu-period", &period, e);
	if (r >= 0)
		r = number(spec, ANNOTATION_PREFIX "cpu-shares", &shares, e);
	if (r >= 0)
		r = number(spec, ANNOTATION_PREFIX "memory", &memory, e);
	if (r < 0)
		return r;
	ret_size->cpu_milli = cpu_milli(quota, period > 0 ? (uint64_t)period : 0,
					shares > 0 ? (uint64_t)shares : 0);
	ret_size->memory_bytes = memory > 0 ? (uint64_t)memory : 0;
	return 0;
}

/* Of each part of A and B what PICK makes of the two. */
static struct size combine(struct size a, struct size b, uint64_t (*pick)(uint64_t a, uint64_t b))
{
	struct size c = { .cpu_milli = min_u64(pick(a.cpu_milli, b.cpu_milli), CPU_MILLI_MAX),
			  .memory_bytes = pick(a.memory_bytes, b.memory_bytes) };

	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		c.pages_mib[k] = pick(a.pages_mib[k], b.pages_mib[k]);
	return c;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + min_u64(b, UINT64_MAX - a);
}

static uint64_t rest(uint64_t a, uint64_t b)
{
	return a - min_u64(b, a);
}

struct size size_add(struct size a, struct size b)
{
	return combine(a, b, sum);
}

struct size size_without(struct size a, struct size b)
{
	return combine(a, b, rest);
}

struct size size_max(struct size a, struct size b)
{
	return combine(a, b, max_u64);
}

uint64_t size_room(const struct config *config, const struct overhead *overhead, uint64_t pod_bytes,
		   struct size *announced)
{
	uint64_t most = config->hypervisor.default_memory;
	uint64_t least = min_u64(most, overhead->guest_mib);
	uint64_t left = pod_bytes / MIB;

	if (pod_bytes == 0)
		return most;
	left -= min_u64(left, overhead->host_mib);
	if (announced->memory_bytes == 0) {
		announced->memory_bytes = (left - min_u64(left, least)) * MIB;
		return least;
	}
	left -= min_u64(left, announced->memory_bytes / MIB);
	return max_u64(least, min_u64(left, most));
}

/* With MEMORY_MIB for the work. */
static struct size_vm vm_of(const struct config *config, uint64_t room_mib, uint64_t memory_mib,
			    struct size limits)
{
	const struct config_hypervisor *h = &config->hypervisor;
	double vcpus = ceil(h->default_vcpus + (double)limits.cpu_milli / 1000);

	if (vcpus < 1)
		vcpus = 1;
	if (vcpus > (double)h->default_maxvcpus)
		vcpus = (double)h->default_maxvcpus;
	return (struct size_vm){ .vcpus = (unsigned)vcpus,
				 .memory_mib =
					 min_u64(sum(room_mib, memory_mib), h->default_maxmemory) };
}

/* What is plugged in ahead of pages that need memory in one piece. */
static uint64_t ahead_mib(uint64_t block_mib, struct size limits)
{
	return limits.pages_mib[SIZE_PAGES_1G] ? block_mib : 0;
}

struct size_vm size_vm_at_boot(const struct config *config, uint64_t room_mib, struct size limits)
{
	uint64_t memory_mib = limits.memory_bytes / MIB;

	if (!config->runtime.static_sandbox_resource_mgmt)
		return vm_of(config, room_mib, rest(memory_mib, ahead_mib(SIZE_BLOCK_MIB, limits)),
			     limits);
	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		memory_mib = sum(memory_mib, limits.pages_mib[k]);
	return vm_of(config, room_mib, memory_mib, limits);
}

struct size_vm size_vm(const struct config *config, uint64_t room_mib, uint64_t block_mib,
		       struct size limits)
{
	uint64_t memory_mib = max_u64(limits.memory_bytes / MIB, ahead_mib(block_mib, limits));
	struct size_vm vm;

	if (config->runtime.static_sandbox_resource_mgmt)
		return size_vm_at_boot(config, room_mib, limits);
	vm = vm_of(config, room_mib, sum(memory_mib, limits.pages_mib[SIZE_PAGES_2M] % block_mib),
		   limits);
	vm.pages_mib[SIZE_PAGES_2M] = limits.pages_mib[SIZE_PAGES_2M] / block_mib * block_mib;
	/* Of these nothing is found in other memory. */
	vm.pages_mib[SIZE_PAGES_1G] =
		(limits.pages_mib[SIZE_PAGES_1G] + block_mib - 1) / block_mib * block_mib;
	return vm;
}

struct size_news size_news(struct size_vm before, struct size_vm is, struct size limits)
{
	struct size_news news = { .vcpus = is.vcpus > before.vcpus ? is.vcpus : 0,
				  .has_memory = is.memory_mib != before.memory_mib,
				  .memory_mib = is.memory_mib };

	for (size_t k = 0; k < N_SIZE_PAGES; k++) {
		news.has_memory |= is.pages_mib[k] != before.pages_mib[k];
		news.memory_mib += is.pages_mib[k];
		news.pages_mib[k] = max_u64(limits.pages_mib[k], is.pages_mib[k]);
	}
	return news;
}
