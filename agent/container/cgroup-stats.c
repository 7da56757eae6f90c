/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup-stats - what a container used, as the agent protocol reports it.
 *
 * The message has the shape of version 1.  A counter of version 2 goes where its meaning is; what
 * version 2 does not count stays 0, and "max" is the largest number.  Memory statistics are passed
 * on key by key, for readers that compute a working set.  A file that is not there (a controller
 * that is off) leaves its part 0, since statistics are asked for all the time and half of them is
 * better than none.  Work thread.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/container/cgroup.h"
#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define STAT_MAX     (64 * KIB)
#define NS_PER_US    1000
#define IO_KEYS      2 /* read and write */
#define KEYS_MAX     256
#define HUGE_MAX     16
#define IO_DEVICES   64
#define HUGE_PREFIX  "hugetlb."
#define HUGE_CURRENT ".current"

static char *read_text(const struct cgroup *cg, const char *file)
{
	struct error ignored;
	char *text = NULL;

	if (file_read_at(cg->fd, file, STAT_MAX, &text, NULL, &ignored) < 0)
		return xstrdup("");
	return text;
}

static uint64_t read_number(const struct cgroup *cg, const char *file)
{
	_free_ char *text = read_text(cg, file);
	struct error ignored;
	uint64_t value;

	text[strcspn(text, "\n")] = '\0';
	if (!strcmp(text, "max"))
		return UINT64_MAX;
	return parse_u64(text, file, UINT64_MAX, &value, &ignored) < 0 ? 0 : value;
}

static Agent__CpuStats *cpu_stats(const struct cgroup *cg)
{
	Agent__CpuStats *stats = xmalloc(sizeof(*stats));
	Agent__CpuUsage *usage = xmalloc(sizeof(*usage));
	Agent__ThrottlingData *throttling = xmalloc(sizeof(*throttling));
	_free_ char *text = read_text(cg, "cpu.stat");

	*stats = (Agent__CpuStats)AGENT__CPU_STATS__INIT;
	*usage = (Agent__CpuUsage)AGENT__CPU_USAGE__INIT;
	*throttling = (Agent__ThrottlingData)AGENT__THROTTLING_DATA__INIT;
	usage->total_usage = cgroup_value(text, "usage_usec", 0) * NS_PER_US;
	usage->usage_in_usermode = cgroup_value(text, "user_usec", 0) * NS_PER_US;
	usage->usage_in_kernelmode = cgroup_value(text, "system_usec", 0) * NS_PER_US;
	throttling->periods = cgroup_value(text, "nr_periods", 0);
	throttling->throttled_periods = cgroup_value(text, "nr_throttled", 0);
	throttling->throttled_time = cgroup_value(text, "throttled_usec", 0) * NS_PER_US;
	stats->cpu_usage = usage;
	stats->throttling_data = throttling;
	return stats;
}

static Agent__MemoryData *memory_data(uint64_t usage, uint64_t max_usage, uint64_t limit,
				      uint64_t failures)
{
	Agent__MemoryData *data = xmalloc(sizeof(*data));

	*data = (Agent__MemoryData)AGENT__MEMORY_DATA__INIT;
	data->usage = usage;
	data->max_usage = max_usage;
	data->limit = limit;
	data->failcnt = failures;
	return data;
}

static void add_memory_key(Agent__MemoryStats *stats, const char *line)
{
	Agent__MemoryStats__StatsEntry *entry;
	size_t len = strcspn(line, " ");

	if (line[len] != ' ')
		return;
	entry = xmalloc(sizeof(*entry));
	*entry = (Agent__MemoryStats__StatsEntry)AGENT__MEMORY_STATS__STATS_ENTRY__INIT;
	entry->key = xstrndup(line, len);
	entry->value = cgroup_value(line, entry->key, 0);
	stats->stats[stats->n_stats++] = entry;
}

static Agent__MemoryStats *memory_stats(const struct cgroup *cg)
{
	Agent__MemoryStats *stats = xmalloc(sizeof(*stats));
	_free_ char *text = read_text(cg, "memory.stat");
	_free_ char *events = read_text(cg, "memory.events");
	_strv_ strv lines = strv_split(text, "\n");

	*stats = (Agent__MemoryStats)AGENT__MEMORY_STATS__INIT;
	stats->cache = cgroup_value(text, "file", 0);
	stats->use_hierarchy = true;
	stats->usage =
		memory_data(read_number(cg, "memory.current"), read_number(cg, "memory.peak"),
			    read_number(cg, "memory.max"), cgroup_value(events, "max", 0));
	stats->swap_usage = memory_data(read_number(cg, "memory.swap.current"),
					read_number(cg, "memory.swap.peak"),
					read_number(cg, "memory.swap.max"), 0);
	/* As in upstream's agent, no limit of swap is 0: the largest number would promise a host
	 * that there is so much of it. */
	if (stats->swap_usage->limit == UINT64_MAX)
		stats->swap_usage->limit = 0;
	stats->kernel_usage = memory_data(cgroup_value(text, "kernel", 0), 0, 0, 0);
	stats->stats = xcalloc(KEYS_MAX, sizeof(*stats->stats));
	for (char *const *line = lines; line && *line && stats->n_stats < KEYS_MAX; line++)
		add_memory_key(stats, *line);
	return stats;
}

static Agent__PidsStats *pids_stats(const struct cgroup *cg)
{
	Agent__PidsStats *stats = xmalloc(sizeof(*stats));

	*stats = (Agent__PidsStats)AGENT__PIDS_STATS__INIT;
	stats->current = read_number(cg, "pids.current");
	stats->limit = read_number(cg, "pids.max");
	/* No limit is 0 in this message. */
	if (stats->limit == UINT64_MAX)
		stats->limit = 0;
	return stats;
}

static Agent__BlkioStatsEntry *io_entry(uint64_t major, uint64_t minor, const char *op,
					uint64_t value)
{
	Agent__BlkioStatsEntry *entry = xmalloc(sizeof(*entry));

	*entry = (Agent__BlkioStatsEntry)AGENT__BLKIO_STATS_ENTRY__INIT;
	entry->major = major;
	entry->minor = minor;
	entry->op = xstrdup(op);
	entry->value = value;
	return entry;
}

/* The number behind "KEY=" in a line of io.stat. */
static uint64_t io_value(char *const *words, const char *key)
{
	size_t len = strlen(key);
	struct error ignored;
	uint64_t value;

	for (; *words; words++)
		if (!strncmp(*words, key, len) && (*words)[len] == '=')
			return parse_u64(*words + len + 1, key, UINT64_MAX, &value, &ignored) < 0
				       ? 0
				       : value;
	return 0;
}

/* "MAJOR:MINOR rbytes=... wbytes=... rios=... wios=..." */
static void add_io_line(Agent__BlkioStats *stats, const char *line)
{
	_strv_ strv words = strv_split(line, " "), numbers = NULL;
	uint64_t major, minor;
	struct error ignored;

	if (!words)
		return;
	numbers = strv_split(words[0], ":");
	if (strv_len(numbers) != 2 ||
	    parse_u64(numbers[0], "major", UINT32_MAX, &major, &ignored) < 0 ||
	    parse_u64(numbers[1], "minor", UINT32_MAX, &minor, &ignored) < 0)
		return;
	stats->io_service_bytes_recursive[stats->n_io_service_bytes_recursive++] =
		io_entry(major, minor, "read", io_value(words, "rbytes"));
	stats->io_service_bytes_recursive[stats->n_io_service_bytes_recursive++] =
		io_entry(major, minor, "write", io_value(words, "wbytes"));
	stats->io_serviced_recursive[stats->n_io_serviced_recursive++] =
		io_entry(major, minor, "read", io_value(words, "rios"));
	stats->io_serviced_recursive[stats->n_io_serviced_recursive++] =
		io_entry(major, minor, "write", io_value(words, "wios"));
}

static Agent__BlkioStats *io_stats(const struct cgroup *cg)
{
	Agent__BlkioStats *stats = xmalloc(sizeof(*stats));
	_free_ char *text = read_text(cg, "io.stat");
	_strv_ strv lines = strv_split(text, "\n");
	size_t n = min_size(strv_len(lines), IO_DEVICES);

	*stats = (Agent__BlkioStats)AGENT__BLKIO_STATS__INIT;
	if (n == 0)
		return stats;
	stats->io_service_bytes_recursive =
		xcalloc(n * IO_KEYS, sizeof(*stats->io_service_bytes_recursive));
	stats->io_serviced_recursive = xcalloc(n * IO_KEYS, sizeof(*stats->io_serviced_recursive));
	for (size_t i = 0; i < n; i++)
		add_io_line(stats, lines[i]);
	return stats;
}

/* FILE is "hugetlb.SIZE.current"; the size is the key. */
static void add_huge(Agent__CgroupStats *stats, const struct cgroup *cg, const char *file)
{
	size_t len = strlen(file) - strlen(HUGE_PREFIX) - strlen(HUGE_CURRENT);
	_free_ char *size = xstrndup(file + strlen(HUGE_PREFIX), len);
	_free_ char *events_file = xasprintf(HUGE_PREFIX "%s.events", size);
	_free_ char *events = NULL;
	Agent__CgroupStats__HugetlbStatsEntry *entry;
	Agent__HugetlbStats *value;

	if (strchr(size, '.')) /* the same of reservations */
		return;
	events = read_text(cg, events_file);
	value = xmalloc(sizeof(*value));
	*value = (Agent__HugetlbStats)AGENT__HUGETLB_STATS__INIT;
	value->usage = read_number(cg, file);
	value->failcnt = cgroup_value(events, "max", 0);
	entry = xmalloc(sizeof(*entry));
	*entry = (Agent__CgroupStats__HugetlbStatsEntry)
		AGENT__CGROUP_STATS__HUGETLB_STATS_ENTRY__INIT;
	entry->key = TAKE_PTR(size);
	entry->value = value;
	stats->hugetlb_stats[stats->n_hugetlb_stats++] = entry;
}

static void huge_stats(Agent__CgroupStats *stats, const struct cgroup *cg)
{
	int copy = openat(cg->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		(void)close_fd(copy);
		return;
	}
	stats->hugetlb_stats = xcalloc(HUGE_MAX, sizeof(*stats->hugetlb_stats));
	for (entry = readdir(dir); entry && stats->n_hugetlb_stats < HUGE_MAX; entry = readdir(dir))
		if (strlen(entry->d_name) > strlen(HUGE_PREFIX HUGE_CURRENT) &&
		    str_starts(entry->d_name, HUGE_PREFIX) && str_ends(entry->d_name, HUGE_CURRENT))
			add_huge(stats, cg, entry->d_name);
	(void)closedir(dir);
}

int cgroup_stats(const struct cgroup *cg, Agent__CgroupStats **ret_stats, struct error *e)
{
	Agent__CgroupStats *stats;

	if (cg->fd < 0)
		return fail(e, ENOENT, "there is no cgroup to count in");
	stats = xmalloc(sizeof(*stats));
	*stats = (Agent__CgroupStats)AGENT__CGROUP_STATS__INIT;
	stats->cpu_stats = cpu_stats(cg);
	stats->memory_stats = memory_stats(cg);
	stats->pids_stats = pids_stats(cg);
	stats->blkio_stats = io_stats(cg);
	huge_stats(stats, cg);
	*ret_stats = stats;
	return 0;
}
