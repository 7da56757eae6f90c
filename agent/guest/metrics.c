/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - the guest and the agent in numbers, as Prometheus text.
 *
 * One table row per family: its name, its help and the function that prints its samples from one
 * file of /proc.  Files are the kernel's, but their size grows with the guest (disks, interfaces),
 * so each is read with a limit.  The names, of families and of their items, are those of upstream's
 * agent, for the dashboards that people have; shim and monitor pass them on. Work threads.
 */

#include "agent/guest/metrics.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/sandbox.h"

#define PROC_FILE_MAX    (256 * KIB)
#define LABEL_MAX        128
#define FILESYSTEMS_MAX  64
#define MOUNTINFO_FIELDS 6 /* of a line, before those that may be missing */
#define MS_PER_S         1000

/* Prints the samples of family NAME out of TEXT, one file of /proc. */
typedef void printer(FILE *out, const char *name, char *text);

/* A label's value comes from the guest: only what needs no escape is kept. */
static void print_label(FILE *out, const char *value)
{
	size_t len = strnlen(value, LABEL_MAX);

	for (size_t i = 0; i < len; i++) {
		bool is_plain = value[i] >= ' ' && value[i] != '"' && value[i] != '\\';

		(void)fputc(is_plain ? value[i] : '_', out);
	}
}

static void print_item(FILE *out, const char *name, const char *item, const char *value)
{
	(void)fprintf(out, "%s{item=\"", name);
	print_label(out, item);
	(void)fprintf(out, "\"} %s\n", value);
}

static bool is_number(const char *s)
{
	return s && *s && s[strspn(s, "0123456789.")] == '\0';
}

/* "Key:   123 kB" or "key 123" on each line. */
static void print_pairs(FILE *out, const char *name, char *text)
{
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], ": \t");

		if (strv_len(words) >= 2 && is_number(words[1]))
			print_item(out, name, words[0], words[1]);
	}
}

/* The item that upstream has for KEY of /proc/meminfo: a word for each that begins with a capital,
 * with these exceptions.  Caller frees. */
static char *meminfo_item(const char *key)
{
	static const struct {
		const char *key, *item;
	} exceptions[] = {
		{ "Percpu", "per_cpu" },
		{ "AnonHugePages", "anon_hugepages" },
		{ "ShmemHugePages", "shmem_hugepages" },
		{ "HugePages_Total", "hugepages_total" },
		{ "HugePages_Free", "hugepages_free" },
		{ "HugePages_Rsvd", "hugepages_rsvd" },
		{ "HugePages_Surp", "hugepages_surp" },
		{ "DirectMap4k", "direct_map_4k" },
		{ "DirectMap4M", "direct_map_4M" },
		{ "DirectMap2M", "direct_map_2M" },
		{ "DirectMap1G", "direct_map_1G" },
	};
	char *item = xmalloc(2 * strlen(key) + 1), *at = item;

	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		if (strcmp(exceptions[i].key, key) == 0) {
			free(item);
			return xstrdup(exceptions[i].item);
		}
	}
	for (size_t i = 0; key[i]; i++) {
		bool is_word =
			isupper((unsigned char)key[i]) && i > 0 &&
			isalnum((unsigned char)key[i - 1]) &&
			(islower((unsigned char)key[i - 1]) || islower((unsigned char)key[i + 1]));

		if (is_word)
			*at++ = '_';
		if (key[i] != ')')
			*at++ = key[i] == '(' ? '_' : (char)tolower((unsigned char)key[i]);
	}
	*at = '\0';
	return item;
}

/* In bytes, as upstream has it. */
static void print_meminfo(FILE *out, const char *name, char *text)
{
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], ": \t");
		_free_ char *item = words && words[0] ? meminfo_item(words[0]) : NULL;
		_free_ char *bytes = NULL;
		struct error ignored;
		uint64_t value;

		if (strv_len(words) < 2 ||
		    parse_u64(words[1], name, UINT64_MAX / KIB, &value, &ignored) < 0)
			continue;
		bytes = xasprintf("%llu", (unsigned long long)(words[2] ? value * KIB : value));
		print_item(out, name, item, bytes);
	}
}

/* Names in small letters. */
static void print_status(FILE *out, const char *name, char *text)
{
	for (char *at = text; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	print_pairs(out, name, text);
}

static void print_words(FILE *out, const char *name, char *text, const char *const *items,
			size_t n_items)
{
	_strv_ strv words = strv_split(text, " \t\n");

	for (size_t i = 0; i < n_items && i < strv_len(words); i++)
		if (items[i] && is_number(words[i]))
			print_item(out, name, items[i], words[i]);
}

static void print_load(FILE *out, const char *name, char *text)
{
	static const char *const items[] = { "load1", "load5", "load15" };

	print_words(out, name, text, items, ARRAY_SIZE(items));
}

/* "0.00 0.01 0.05 1/48 120": running and existing tasks. */
static void print_tasks(FILE *out, const char *name, char *text)
{
	_strv_ strv words = strv_split(text, " /\n");

	if (strv_len(words) < 5 || !is_number(words[3]) || !is_number(words[4]))
		return;
	print_item(out, name, "cur", words[3]);
	print_item(out, name, "max", words[4]);
}

static void print_labelled(FILE *out, const char *name, const char *label, const char *subject,
			   const char *item, const char *value)
{
	(void)fprintf(out, "%s{%s=\"", name, label);
	print_label(out, subject);
	(void)fprintf(out, "\",item=\"%s\"} %s\n", item, value);
}

static void print_table_row(FILE *out, const char *name, const char *label, strv words,
			    size_t first, const char *const *items, size_t n_items)
{
	size_t n = strv_len(words);

	for (size_t i = 0; i < n_items && first + i < n; i++)
		if (is_number(words[first + i]))
			print_labelled(out, name, label, words[first - 1], items[i],
				       words[first + i]);
}

/* "cpu" and "cpu1" are "total" and "1", clock ticks are milliseconds. */
static void print_cpu(FILE *out, const char *name, strv words, const char *const *items,
		      size_t n_items)
{
	const char *cpu = words[0][strlen("cpu")] ? words[0] + strlen("cpu") : "total";
	uint64_t ticks, per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	struct error ignored;

	for (size_t i = 0; i < n_items && i + 1 < strv_len(words); i++) {
		char ms[32];

		if (parse_u64(words[i + 1], name, UINT64_MAX / MS_PER_S, &ticks, &ignored) < 0)
			continue;
		(void)snprintf(ms, sizeof(ms), "%llu",
			       (unsigned long long)(ticks * MS_PER_S / per_s));
		print_labelled(out, name, "cpu", cpu, items[i], ms);
	}
}

static void print_cpu_time(FILE *out, const char *name, char *text)
{
	static const char *const items[] = { "user", "nice",    "system", "idle",  "iowait",
					     "irq",  "softirq", "steal",  "guest", "guest_nice" };
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], " ");

		if (str_starts(lines[i], "cpu"))
			print_cpu(out, name, words, items, ARRAY_SIZE(items));
	}
}

static void print_netdev(FILE *out, const char *name, char *text)
{
	static const char *const items[] = {
		"recv_bytes", "recv_packets", "recv_errs",       "recv_drop",
		"recv_fifo",  "recv_frame",   "recv_compressed", "recv_multicast",
		"sent_bytes", "sent_packets", "sent_errs",       "sent_drop",
		"sent_fifo",  "sent_colls",   "sent_carrier",    "sent_compressed",
	};
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], ": \t");

		if (strchr(lines[i], ':'))
			print_table_row(out, name, "interface", words, 1, items, ARRAY_SIZE(items));
	}
}

static void print_diskstat(FILE *out, const char *name, char *text)
{
	static const char *const items[] = {
		"reads",
		"merged",
		"sectors_read",
		"time_reading",
		"writes",
		"writes_merged",
		"sectors_written",
		"time_writing",
		"in_progress",
		"time_in_progress",
		"weighted_time_in_progress",
		"discards",
		"discards_merged",
		"sectors_discarded",
		"time_discarding",
		"flushes",
		"time_flushing",
	};
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], " \t");

		if (strv_len(words) > 3)
			print_table_row(out, name, "disk", words, 3, items, ARRAY_SIZE(items));
	}
}

/* /proc/self/stat without its name, which may hold spaces. */
static strv stat_words(char *text)
{
	char *end = strrchr(text, ')');

	return end ? strv_split(end + 1, " \n") : NULL;
}

static void print_proc_stat(FILE *out, const char *name, char *text)
{
	/* Field 3 of proc(5) is word 0. */
	static const struct {
		const char *item;
		size_t word;
	} items[] = {
		{ "utime", 11 },       { "stime", 12 }, { "cutime", 13 }, { "cstime", 14 },
		{ "num_threads", 17 }, { "vsize", 20 }, { "rss", 21 },    { "processor", 36 },
		{ "minflt", 7 },       { "majflt", 9 },
	};
	_strv_ strv words = stat_words(text);
	size_t n = strv_len(words);

	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		if (items[i].word < n)
			print_item(out, name, items[i].item, words[items[i].word]);
}

/* One number out of /proc/self/stat, times FACTOR / DIVISOR. */
static void print_stat_number(FILE *out, const char *name, char *text, size_t word, double factor)
{
	_strv_ strv words = stat_words(text);
	struct error ignored;
	uint64_t value;

	if (word < strv_len(words) &&
	    parse_u64(words[word], name, UINT64_MAX, &value, &ignored) == 0)
		(void)fprintf(out, "%s %.10g\n", name, (double)value * factor);
}

static void print_threads(FILE *out, const char *name, char *text)
{
	print_stat_number(out, name, text, 17, 1);
}

static void print_total_time(FILE *out, const char *name, char *text)
{
	_free_ char *copy = xstrdup(text);
	_strv_ strv words = stat_words(copy);
	struct error ignored;
	uint64_t user, kernel;

	if (!words || strv_len(words) <= 12)
		return;
	if (parse_u64(words[11], name, UINT32_MAX, &user, &ignored) == 0 &&
	    parse_u64(words[12], name, UINT32_MAX, &kernel, &ignored) == 0)
		(void)fprintf(out, "%s %.10g\n", name,
			      (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK));
}

static void print_total_vm(FILE *out, const char *name, char *text)
{
	print_stat_number(out, name, text, 20, 1);
}

static void print_total_rss(FILE *out, const char *name, char *text)
{
	print_stat_number(out, name, text, 21, (double)sysconf(_SC_PAGESIZE));
}

/* Whether WORDS, those of a line of mountinfo(5), are of a file system that is worth a number: one
 * of a disk, which somebody writes.  Gives where it is and of what. */
static bool is_counted(strv words, const char **ret_point, const char **ret_device)
{
	static const char *const types[] = { "ext4", "xfs", "btrfs", "vfat", "overlay" };
	size_t n = strv_len(words), dash = MOUNTINFO_FIELDS;
	const char *slash;

	while (dash < n && strcmp(words[dash], "-") != 0)
		dash++;
	if (dash + 3 >= n || str_starts(words[dash + 3], "ro") || strchr(words[4], '\\'))
		return false;
	slash = strrchr(words[dash + 2], '/');
	*ret_point = words[4];
	*ret_device = slash ? slash + 1 : words[dash + 2];
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(words[dash + 1], types[i]) == 0)
			return true;
	return false;
}

static void print_filesystem(FILE *out, const char *name, const char *point, const char *device,
			     const uint64_t *numbers)
{
	static const char *const items[] = { "total", "used", "available" };

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		(void)fprintf(out, "%s{mount=\"", name);
		print_label(out, point);
		(void)fputs("\",device=\"", out);
		print_label(out, device);
		(void)fprintf(out, "\",item=\"%s\"} %llu\n", items[i],
			      (unsigned long long)numbers[i]);
	}
}

enum measure { MEASURE_BYTES, MEASURE_INODES };

/* Each file system once, wherever it is seen. */
static void print_filesystems(FILE *out, const char *name, char *text, enum measure measure)
{
	_strv_ strv lines = strv_split(text, "\n");
	_strv_ strv seen = NULL;

	for (size_t i = 0; lines && lines[i] && strv_len(seen) < FILESYSTEMS_MAX; i++) {
		_strv_ strv words = strv_split(lines[i], " ");
		const char *point, *device;
		struct statvfs fs;
		uint64_t unit, total, unused;

		if (!is_counted(words, &point, &device) || strv_contains(seen, words[2]) ||
		    statvfs(point, &fs) < 0)
			continue;
		strv_add(&seen, words[2]);
		unit = measure == MEASURE_BYTES ? fs.f_frsize : 1;
		total = (measure == MEASURE_BYTES ? fs.f_blocks : fs.f_files) * unit;
		unused = (measure == MEASURE_BYTES ? fs.f_bfree : fs.f_ffree) * unit;
		print_filesystem(out, name, point, device,
				 (uint64_t[]){ total, total - unused, unused });
	}
}

static void print_bytes(FILE *out, const char *name, char *text)
{
	print_filesystems(out, name, text, MEASURE_BYTES);
}

static void print_inodes(FILE *out, const char *name, char *text)
{
	print_filesystems(out, name, text, MEASURE_INODES);
}

static const struct {
	const char *name;
	const char *help;
	const char *file;
	printer *print;
} families[] = {
	{ "kata_agent_threads", "Threads of the agent.", "self/stat", print_threads },
	{ "kata_agent_total_time", "Processor time of the agent in seconds.", "self/stat",
	  print_total_time },
	{ "kata_agent_total_vm", "Address space of the agent in bytes.", "self/stat",
	  print_total_vm },
	{ "kata_agent_total_rss", "Resident memory of the agent in bytes.", "self/stat",
	  print_total_rss },
	{ "kata_agent_proc_status", "Agent: /proc/self/status.", "self/status", print_status },
	{ "kata_agent_io_stat", "Agent: /proc/self/io.", "self/io", print_pairs },
	{ "kata_agent_proc_stat", "Agent: /proc/self/stat.", "self/stat", print_proc_stat },
	{ "kata_guest_load", "Load averages of the guest.", "loadavg", print_load },
	{ "kata_guest_tasks", "Tasks of the guest.", "loadavg", print_tasks },
	{ "kata_guest_cpu_time", "Processor time of the guest in milliseconds.", "stat",
	  print_cpu_time },
	{ "kata_guest_vm_stat", "Guest: /proc/vmstat.", "vmstat", print_pairs },
	{ "kata_guest_netdev_stat", "Guest: /proc/net/dev.", "net/dev", print_netdev },
	{ "kata_guest_diskstat", "Guest: /proc/diskstats.", "diskstats", print_diskstat },
	{ "kata_guest_meminfo", "Guest: /proc/meminfo in bytes.", "meminfo", print_meminfo },
	{ "kata_guest_filesystem_bytes", "Bytes of the guest's file systems on disks.",
	  "self/mountinfo", print_bytes },
	{ "kata_guest_filesystem_inodes", "Inodes of the guest's file systems on disks.",
	  "self/mountinfo", print_inodes },
};

char *metrics_text(const char *proc, uint64_t scrapes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
	(void)fprintf(out,
		      "# HELP kata_agent_scrape_count How often this was asked for.\n"
		      "# TYPE kata_agent_scrape_count counter\nkata_agent_scrape_count %llu\n",
		      (unsigned long long)scrapes);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		_free_ char *path = path_join(proc, families[i].file);
		_free_ char *content = NULL;
		struct error ignored;

		if (file_read(path, PROC_FILE_MAX, &content, NULL, &ignored) < 0)
			continue;
		(void)fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", families[i].name,
			      families[i].help, families[i].name);
		families[i].print(out, families[i].name, content);
	}
	(void)fclose(out);
	return text;
}

int metrics_rpc_get(struct rpc_request *req, const void *in, void *out_, struct error *e)
{
	struct sandbox *sb = rpc_context(req);
	Agent__Metrics *out = out_;

	(void)in;
	(void)e;
	out->metrics = metrics_text("/proc", __atomic_add_fetch(&sb->scrapes, 1, __ATOMIC_RELAXED));
	return 0;
}
