/* SPDX-License-Identifier: Apache-2.0 */
/*
 * size - how many processors and how much memory a VM needs.
 *
 * A VM has what the configuration gives every VM, for the guest itself and for containers without
 * limits, plus the limits of its containers.  Processors are counted in thousandths until the
 * end, so that four containers of a quarter each need one.
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
#define ANNOTATION_PREFIX "io.kubernetes.cri.sandbox-"

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

struct size size_of_resources(const Oci__LinuxResources *resources)
{
	struct size size = { 0 };

	if (resources && resources->cpu)
		size.cpu_milli = cpu_milli(resources->cpu->quota, resources->cpu->period, 0);
	if (resources && resources->memory && resources->memory->limit > 0)
		size.memory_bytes = (uint64_t)resources->memory->limit;
	add_unified(&size, resources);
	for (size_t i = 0; resources && i < resources->n_hugepagelimits; i++)
		if (resources->hugepagelimits[i]->limit < INT64_MAX)
			size.memory_bytes += resources->hugepagelimits[i]->limit;
	return size;
}

struct size size_update(struct size before, const Oci__LinuxResources *resources)
{
	struct size after = size_of_resources(resources);

	if (!unified(resources, "cpu.max")[0] &&
	    (!resources || !resources->cpu || resources->cpu->quota == 0))
		after.cpu_milli = before.cpu_milli;
	if (!unified(resources, "memory.max")[0] &&
	    (!resources || ((!resources->memory || resources->memory->limit == 0) &&
			    resources->n_hugepagelimits == 0)))
		after.memory_bytes = before.memory_bytes;
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

struct size size_add(struct size a, struct size b)
{
	uint64_t room = UINT64_MAX - a.memory_bytes;

	return (struct size){ .cpu_milli = min_u64(a.cpu_milli + b.cpu_milli, CPU_MILLI_MAX),
			      .memory_bytes = a.memory_bytes + min_u64(b.memory_bytes, room) };
}

struct size size_without(struct size a, struct size b)
{
	return (struct size){ .cpu_milli = a.cpu_milli - min_u64(b.cpu_milli, a.cpu_milli),
			      .memory_bytes =
				      a.memory_bytes - min_u64(b.memory_bytes, a.memory_bytes) };
}

struct size size_max(struct size a, struct size b)
{
	return (struct size){ .cpu_milli = max_u64(a.cpu_milli, b.cpu_milli),
			      .memory_bytes = max_u64(a.memory_bytes, b.memory_bytes) };
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

struct size_vm size_vm(const struct config *config, uint64_t room_mib, struct size limits)
{
	const struct config_hypervisor *h = &config->hypervisor;
	double vcpus = ceil(h->default_vcpus + (double)limits.cpu_milli / 1000);
	uint64_t memory = limits.memory_bytes / MIB;

	memory = room_mib + min_u64(memory, UINT64_MAX - room_mib);
	if (vcpus < 1)
		vcpus = 1;
	if (vcpus > (double)h->default_maxvcpus)
		vcpus = (double)h->default_maxvcpus;
	return (struct size_vm){ .vcpus = (unsigned)vcpus,
				 .memory_mib = min_u64(memory, h->default_maxmemory) };
}
