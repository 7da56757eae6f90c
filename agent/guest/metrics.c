/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - the guest and the agent in numbers, as Prometheus text.
 *
 * One table row per family: its name, its help and the function that prints its samples from one
 * file of /proc.  Files are the kernel's, but their size grows with the guest (disks, interfaces),
 * so each is read with a limit.  The names are those of the agent protocol; shim and monitor pass
 * them on. Work threads.
 */

#include "agent/guest/metrics.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#define PROC_FILE_MAX (256 * KIB)
#define LABEL_MAX     128

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

static void print_cpu_time(FILE *out, const char *name, char *text)
{
	static const char *const items[] = { "user", "nice",    "system", "idle",  "iowait",
					     "irq",  "softirq", "steal",  "guest", "guest_nice" };
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], " ");

		if (str_starts(lines[i], "cpu"))
			print_table_row(out, name, "cpu", words, 1, items, ARRAY_SIZE(items));
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
		"reads_merged",
		"sectors_read",
		"time_reading",
		"writes",
		"writes_merged",
		"sectors_written",
		"time_writing",
		"in_progress",
		"time_in_progress",
		"weighted_time_in_progress",
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
	{ "kata_agent_proc_status", "Agent: /proc/self/status.", "self/status", print_pairs },
	{ "kata_agent_io_stat", "Agent: /proc/self/io.", "self/io", print_pairs },
	{ "kata_agent_proc_stat", "Agent: /proc/self/stat.", "self/stat", print_proc_stat },
	{ "kata_guest_load", "Load averages of the guest.", "loadavg", print_load },
	{ "kata_guest_tasks", "Tasks of the guest.", "loadavg", print_tasks },
	{ "kata_guest_cpu_time", "Processor time of the guest in clock ticks.", "stat",
	  print_cpu_time },
	{ "kata_guest_vm_stat", "Guest: /proc/vmstat.", "vmstat", print_pairs },
	{ "kata_guest_netdev_stat", "Guest: /proc/net/dev.", "net/dev", print_netdev },
	{ "kata_guest_diskstat", "Guest: /proc/diskstats.", "diskstats", print_diskstat },
	{ "kata_guest_meminfo", "Guest: /proc/meminfo in kB.", "meminfo", print_pairs },
};

char *metrics_text(const char *proc)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
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
	Agent__Metrics *out = out_;

	(void)req;
	(void)in;
	(void)e;
	out->metrics = metrics_text("/proc");
	return 0;
}
