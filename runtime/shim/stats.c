/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats - a container's usage, from the agent's message to containerd's.
 *
 * The guest has cgroups of version 2 whatever the host has, and containerd expects the host's kind.
 * Counters of memory come as a list of names and values: a field of containerd's message that has
 * such a name takes it, and the table says which names of version 1 mean something else in
 * version 2.
 *
 * Engines read parts of the message without looking whether they are there (CRI-O those of memory,
 * processors and processes, nerdctl that of disks): all of these are, with zeros where the agent
 * says nothing or the container has ended.  Pressure is not: zeros would claim that there is none.
 * Pure functions.
 */

#include "runtime/shim/stats.h"

#include <linux/magic.h>
#include <string.h>
#include <strings.h>
#include <sys/vfs.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/cgroup1.pb-c.h"
#include "lib/rpc/proto/cgroup2.pb-c.h"
#include "runtime/sandbox/spec.h"

#define NS_PER_US 1000

/* What the agent said, or that it said nothing. */
struct usage {
	const Agent__PidsStats *pids;
	const Agent__CpuStats *cpu;
	const Agent__MemoryStats *memory;
	const Agent__BlkioStats *blkio;
};

/* Names of version 1 (with and without total_) and what version 2 calls the same. */
static const struct {
	const char *field;
	const char *key;
} aliases[] = {
	{ "rss", "anon" },         { "rss_huge", "anon_thp" },
	{ "cache", "file" },       { "mapped_file", "file_mapped" },
	{ "dirty", "file_dirty" }, { "writeback", "file_writeback" },
	{ "pg_fault", "pgfault" }, { "pg_maj_fault", "pgmajfault" },
};

static const char *key_of(const char *field)
{
	if (str_starts(field, "total_"))
		field += strlen("total_");
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i].field, field) == 0)
			return aliases[i].key;
	return field;
}

static bool find(const Agent__MemoryStats *stats, const char *key, uint64_t *ret_value)
{
	for (size_t i = 0; i < stats->n_stats; i++)
		if (strcmp(stats->stats[i]->key, key) == 0) {
			*ret_value = stats->stats[i]->value;
			return true;
		}
	return false;
}

/* Fills every 64-bit field of MESSAGE for which there is a value of its name. */
static void fill_by_name(ProtobufCMessage *message, const Agent__MemoryStats *stats)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;

	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		void *at = (char *)message + field->offset;
		uint64_t value;

		if (field->type != PROTOBUF_C_TYPE_UINT64 ||
		    field->label == PROTOBUF_C_LABEL_REPEATED)
			continue;
		if (find(stats, field->name, &value) || find(stats, key_of(field->name), &value))
			memcpy(at, &value, sizeof(value));
	}
}

static Cgroup1__MemoryEntry *entry1(const Agent__MemoryData *from)
{
	Cgroup1__MemoryEntry *to = message_new(&cgroup1__memory_entry__descriptor);

	if (!from)
		return to;
	to->limit = from->limit;
	to->usage = from->usage;
	to->max = from->max_usage;
	to->failcnt = from->failcnt;
	return to;
}

static Cgroup1__MemoryStat *memory1(const Agent__MemoryStats *from)
{
	Cgroup1__MemoryStat *to = message_new(&cgroup1__memory_stat__descriptor);

	fill_by_name(&to->base, from);
	to->usage = entry1(from->usage);
	to->swap = entry1(from->swap_usage);
	to->kernel = entry1(from->kernel_usage);
	to->kernel_tcp = entry1(NULL);
	return to;
}

static Cgroup1__CPUStat *cpu1(const Agent__CpuStats *from)
{
	Cgroup1__CPUStat *to = message_new(&cgroup1__cpustat__descriptor);

	to->usage = message_new(&cgroup1__cpuusage__descriptor);
	if (from->cpu_usage) {
		to->usage->total = from->cpu_usage->total_usage;
		to->usage->kernel = from->cpu_usage->usage_in_kernelmode;
		to->usage->user = from->cpu_usage->usage_in_usermode;
	}
	to->throttling = message_new(&cgroup1__throttle__descriptor);
	if (from->throttling_data) {
		to->throttling->periods = from->throttling_data->periods;
		to->throttling->throttled_periods = from->throttling_data->throttled_periods;
		to->throttling->throttled_time = from->throttling_data->throttled_time;
	}
	return to;
}

/* The lists of both kinds of messages, and which are what. */
static const struct {
	size_t from, n_from;
	size_t to, n_to;
} blkio_lists[] = {
#define LIST(member)                                                                          \
	{                                                                                     \
		offsetof(Agent__BlkioStats, member), offsetof(Agent__BlkioStats, n_##member), \
			offsetof(Cgroup1__BlkIOStat, member),                                 \
			offsetof(Cgroup1__BlkIOStat, n_##member)                              \
	}
	LIST(io_service_bytes_recursive), LIST(io_serviced_recursive),  LIST(io_queued_recursive),
	LIST(io_service_time_recursive),  LIST(io_wait_time_recursive), LIST(io_merged_recursive),
	LIST(io_time_recursive),          LIST(sectors_recursive),
#undef LIST
};

static Cgroup1__BlkIOEntry *blkio_entry(const Agent__BlkioStatsEntry *from)
{
	Cgroup1__BlkIOEntry *to = message_new(&cgroup1__blk_ioentry__descriptor);

	spec_set(&to->op, from->op);
	to->major = from->major;
	to->minor = from->minor;
	to->value = from->value;
	return to;
}

static Cgroup1__BlkIOStat *blkio1(const Agent__BlkioStats *from)
{
	Cgroup1__BlkIOStat *to = message_new(&cgroup1__blk_iostat__descriptor);

	for (size_t i = 0; i < ARRAY_SIZE(blkio_lists); i++) {
		Agent__BlkioStatsEntry **list;
		Cgroup1__BlkIOEntry **copies;
		size_t n;

		memcpy(&list, (const char *)from + blkio_lists[i].from, sizeof(list));
		memcpy(&n, (const char *)from + blkio_lists[i].n_from, sizeof(n));
		if (n == 0)
			continue;
		copies = xcalloc(n, sizeof(Cgroup1__BlkIOEntry *));
		for (size_t k = 0; k < n; k++)
			copies[k] = blkio_entry(list[k]);
		memcpy((char *)to + blkio_lists[i].to, &copies, sizeof(copies));
		memcpy((char *)to + blkio_lists[i].n_to, &n, sizeof(n));
	}
	return to;
}

static Cgroup2__IOEntry *io_entry(Cgroup2__IOStat *to, const Agent__BlkioStatsEntry *from)
{
	Cgroup2__IOEntry *entry;

	for (size_t i = 0; i < to->n_usage; i++)
		if (to->usage[i]->major == from->major && to->usage[i]->minor == from->minor)
			return to->usage[i];
	to->usage = xrealloc(to->usage, to->n_usage + 1, sizeof(Cgroup2__IOEntry *));
	entry = to->usage[to->n_usage++] = message_new(&cgroup2__ioentry__descriptor);
	entry->major = from->major;
	entry->minor = from->minor;
	return entry;
}

/* The same by device: each has four of the numbers. */
static Cgroup2__IOStat *io2(const Agent__BlkioStats *from)
{
	Cgroup2__IOStat *to = message_new(&cgroup2__iostat__descriptor);

	for (size_t i = 0; i < from->n_io_service_bytes_recursive; i++) {
		const Agent__BlkioStatsEntry *e = from->io_service_bytes_recursive[i];

		if (strcasecmp(e->op, "read") == 0)
			io_entry(to, e)->rbytes = e->value;
		else if (strcasecmp(e->op, "write") == 0)
			io_entry(to, e)->wbytes = e->value;
	}
	for (size_t i = 0; i < from->n_io_serviced_recursive; i++) {
		const Agent__BlkioStatsEntry *e = from->io_serviced_recursive[i];

		if (strcasecmp(e->op, "read") == 0)
			io_entry(to, e)->rios = e->value;
		else if (strcasecmp(e->op, "write") == 0)
			io_entry(to, e)->wios = e->value;
	}
	return to;
}

static void *metrics1(const struct usage *from)
{
	Cgroup1__Metrics *to = message_new(&cgroup1__metrics__descriptor);

	to->pids = message_new(&cgroup1__pids_stat__descriptor);
	to->pids->current = from->pids->current;
	to->pids->limit = from->pids->limit;
	to->cpu = cpu1(from->cpu);
	to->memory = memory1(from->memory);
	to->blkio = blkio1(from->blkio);
	return to;
}

static Cgroup2__MemoryStat *memory2(const Agent__MemoryStats *from)
{
	Cgroup2__MemoryStat *to = message_new(&cgroup2__memory_stat__descriptor);

	fill_by_name(&to->base, from);
	if (from->usage) {
		to->usage = from->usage->usage;
		to->usage_limit = from->usage->limit;
		to->max_usage = from->usage->max_usage;
	}
	if (from->swap_usage) {
		to->swap_usage = from->swap_usage->usage;
		to->swap_limit = from->swap_usage->limit;
	}
	return to;
}

static Cgroup2__CPUStat *cpu2(const Agent__CpuStats *from)
{
	Cgroup2__CPUStat *to = message_new(&cgroup2__cpustat__descriptor);

	if (from->cpu_usage) {
		to->usage_usec = from->cpu_usage->total_usage / NS_PER_US;
		to->user_usec = from->cpu_usage->usage_in_usermode / NS_PER_US;
		to->system_usec = from->cpu_usage->usage_in_kernelmode / NS_PER_US;
	}
	if (from->throttling_data) {
		to->nr_periods = from->throttling_data->periods;
		to->nr_throttled = from->throttling_data->throttled_periods;
		to->throttled_usec = from->throttling_data->throttled_time / NS_PER_US;
	}
	return to;
}

static void *metrics2(const struct usage *from)
{
	Cgroup2__Metrics *to = message_new(&cgroup2__metrics__descriptor);

	to->pids = message_new(&cgroup2__pids_stat__descriptor);
	to->pids->current = from->pids->current;
	to->pids->limit = from->pids->limit;
	to->cpu = cpu2(from->cpu);
	to->memory = memory2(from->memory);
	to->io = io2(from->blkio);
	return to;
}

void stats_convert(const void *from, enum stats_kind kind, const char **ret_type,
		   uint8_t **ret_bytes, size_t *ret_len)
{
	static const Agent__PidsStats no_pids = AGENT__PIDS_STATS__INIT;
	static const Agent__CpuStats no_cpu = AGENT__CPU_STATS__INIT;
	static const Agent__MemoryStats no_memory = AGENT__MEMORY_STATS__INIT;
	static const Agent__BlkioStats no_blkio = AGENT__BLKIO_STATS__INIT;
	const Agent__StatsContainerResponse *answer = from;
	const Agent__CgroupStats *told = answer ? answer->cgroup_stats : NULL;
	const struct usage usage = {
		.pids = told && told->pids_stats ? told->pids_stats : &no_pids,
		.cpu = told && told->cpu_stats ? told->cpu_stats : &no_cpu,
		.memory = told && told->memory_stats ? told->memory_stats : &no_memory,
		.blkio = told && told->blkio_stats ? told->blkio_stats : &no_blkio,
	};
	_message_ ProtobufCMessage *to =
		kind == STATS_CGROUP1 ? metrics1(&usage) : metrics2(&usage);

	*ret_type = to->descriptor->name;
	*ret_len = message_pack(to, ret_bytes);
}

enum stats_kind stats_host_kind(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC
		       ? STATS_CGROUP2
		       : STATS_CGROUP1;
}
