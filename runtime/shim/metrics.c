/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - count what the shim does, and read what its pod takes.
 *
 * Three sources: this program's own calls, in histograms that the io thread keeps; /proc of the
 * processes of the sandbox; and the agent.  The agent may have been taken over by its guest, so
 * what it says is passed on only under names of guests, whatever it calls them.  What a pod takes
 * more than its containers say is known between two questions: the first has no answer for
 * processors yet.  Families, items and units (bytes of memory, clock ticks, milliseconds of calls)
 * are those of upstream's shim in Go.
 */

#include "runtime/shim/metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/sandbox.h"

#define BUCKETS       10 /* up to 1, 2, 4 ... 512 ms */
#define METHODS_MAX   32
#define PROC_FILE_MAX (64 * KIB)
#define NETDEV_ITEMS  16
#define NETDEVS_MAX   64
#define NS_PER_S      UINT64_C(1000000000)
#define CONTAINER_MS  UINT64_C(500)

struct histogram {
	uint64_t below[BUCKETS]; /* calls that took no longer than the bucket says */
	uint64_t n, sum_ms;
};

struct metrics {
	struct {
		const struct rpc_method *method;
		struct histogram took;
	} methods[METHODS_MAX];
	struct histogram calls[N_CLIENT_CALL];
	struct metrics_sample last;
};

struct metrics *metrics_new(void)
{
	return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *m)
{
	free(m);
}

/* ---- histograms ---- */

static void add(struct histogram *h, uint64_t ms)
{
	for (size_t i = 0; i < BUCKETS; i++)
		h->below[i] += ms <= (UINT64_C(1) << i);
	h->n++;
	h->sum_ms += ms;
}

void metrics_task_took(struct metrics *m, const struct rpc_method *method, uint64_t ms)
{
	for (size_t i = 0; i < METHODS_MAX; i++) {
		if (m->methods[i].method && m->methods[i].method != method)
			continue;
		m->methods[i].method = method;
		add(&m->methods[i].took, ms);
		return;
	}
}

void metrics_agent_took(struct metrics *m, const struct rpc_call *call, uint64_t ms)
{
	enum client_call which = client_which(call);

	if (which < N_CLIENT_CALL)
		add(&m->calls[which], ms);
}

static void print_histogram(FILE *out, const char *name, const char *action,
			    const struct histogram *h)
{
	for (size_t i = 0; i < BUCKETS; i++)
		(void)fprintf(out, "%s_bucket{action=\"%s\",le=\"%u\"} %llu\n", name, action,
			      1U << i, (unsigned long long)h->below[i]);
	(void)fprintf(out,
		      "%s_bucket{action=\"%s\",le=\"+Inf\"} %llu\n"
		      "%s_sum{action=\"%s\"} %llu\n%s_count{action=\"%s\"} %llu\n",
		      name, action, (unsigned long long)h->n, name, action,
		      (unsigned long long)h->sum_ms, name, action, (unsigned long long)h->n);
}

/* "ResizePty" is "resize_pty".  Caller frees. */
static char *action_of(const char *method)
{
	char *action = xmalloc(2 * strlen(method) + 1), *at = action;

	for (const char *s = method; *s; s++) {
		if (s > method && isupper((unsigned char)s[0]) && islower((unsigned char)s[-1]))
			*at++ = '_';
		*at++ = (char)tolower((unsigned char)*s);
	}
	*at = '\0';
	return action;
}

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_histograms(FILE *out, const struct metrics *m)
{
	static const char task[] = "kata_shim_rpc_durations_histogram_milliseconds";
	static const char agent[] = "kata_shim_agent_rpc_durations_histogram_milliseconds";

	print_head(out, task, "histogram", "What calls of the engine took.");
	for (size_t i = 0; i < METHODS_MAX && m->methods[i].method; i++) {
		_free_ char *action = action_of(m->methods[i].method->name);

		print_histogram(out, task, action, &m->methods[i].took);
	}
	print_head(out, agent, "histogram", "What calls of the agent took.");
	for (enum client_call c = 0; c < N_CLIENT_CALL; c++) {
		_free_ char *action = xasprintf("grpc.%s", client_call_of(c)->in->short_name);

		/* As long as a process writes nothing, its stream is silent. */
		if (m->calls[c].n > 0 && c != CLIENT_READ_STDOUT && c != CLIENT_READ_STDERR)
			print_histogram(out, agent, action, &m->calls[c]);
	}
}

/* ---- processes ---- */

/* An item, and where its number stands. */
struct item {
	const char *item;
	const char *key; /* how its line begins */
	size_t word;     /* of /proc/PID/stat behind the name */
	uint64_t unit;
};

static const struct item status_items[] = {
	{ "vmpeak", "VmPeak:", 0, KIB },
	{ "vmsize", "VmSize:", 0, KIB },
	{ "vmlck", "VmLck:", 0, KIB },
	{ "vmpin", "VmPin:", 0, KIB },
	{ "vmhwm", "VmHWM:", 0, KIB },
	{ "vmrss", "VmRSS:", 0, KIB },
	{ "rssanon", "RssAnon:", 0, KIB },
	{ "rssfile", "RssFile:", 0, KIB },
	{ "rssshmem", "RssShmem:", 0, KIB },
	{ "vmdata", "VmData:", 0, KIB },
	{ "vmstk", "VmStk:", 0, KIB },
	{ "vmexe", "VmExe:", 0, KIB },
	{ "vmlib", "VmLib:", 0, KIB },
	{ "vmpte", "VmPTE:", 0, KIB },
	{ "vmpmd", "VmPMD:", 0, KIB },
	{ "vmswap", "VmSwap:", 0, KIB },
	{ "hugetlbpages", "HugetlbPages:", 0, KIB },
	{ "voluntary_ctxt_switches", "voluntary_ctxt_switches:", 0, 1 },
	{ "nonvoluntary_ctxt_switches", "nonvoluntary_ctxt_switches:", 0, 1 },
	{ NULL, NULL, 0, 0 },
};

static const struct item io_items[] = {
	{ "rchar", "rchar:", 0, 1 },
	{ "wchar", "wchar:", 0, 1 },
	{ "syscr", "syscr:", 0, 1 },
	{ "syscw", "syscw:", 0, 1 },
	{ "readbytes", "read_bytes:", 0, 1 },
	{ "writebytes", "write_bytes:", 0, 1 },
	{ "cancelledwritebytes", "cancelled_write_bytes:", 0, 1 },
	{ NULL, NULL, 0, 0 },
};

/* Field 3 of proc(5) is word 0. */
static const struct item stat_items[] = {
	{ "utime", NULL, 11, 1 },  { "stime", NULL, 12, 1 }, { "cutime", NULL, 13, 1 },
	{ "cstime", NULL, 14, 1 }, { NULL, NULL, 0, 0 },
};

static const struct item thread_items[] = { { NULL, NULL, 17, 1 }, { NULL, NULL, 0, 0 } };

static const struct {
	const char *family, *file, *help;
	const struct item *items;
} families[] = {
	{ "threads", "stat", "Threads.", thread_items },
	{ "proc_status", "status", "Memory in bytes, and switches.", status_items },
	{ "proc_stat", "stat", "Processor time in clock ticks.", stat_items },
	{ "io_stat", "io", "Input and output.", io_items },
};

static bool find_line(const char *text, const char *key, uint64_t *ret_value)
{
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		_strv_ strv words = strv_split(lines[i], " \t");
		struct error ignored;

		if (strv_len(words) >= 2 && strcmp(words[0], key) == 0)
			return parse_u64(words[1], key, UINT64_MAX / KIB, ret_value, &ignored) >= 0;
	}
	return false;
}

static bool find_word(const char *text, size_t word, uint64_t *ret_value)
{
	const char *end = strrchr(text, ')');
	_strv_ strv words = end ? strv_split(end + 1, " \n") : NULL;
	struct error ignored;

	return word < strv_len(words) &&
	       parse_u64(words[word], "number", UINT64_MAX, ret_value, &ignored) >= 0;
}

static bool find_item(const char *text, const struct item *item, uint64_t *ret_value)
{
	return item->key ? find_line(text, item->key, ret_value)
			 : find_word(text, item->word, ret_value);
}

static char *read_proc(const char *proc, pid_t pid, const char *file)
{
	_free_ char *path = xasprintf("%s/%d/%s", proc, (int)pid, file);
	struct error ignored;
	char *text = NULL;

	return file_read(path, PROC_FILE_MAX, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* What all PIDS have of ITEM together; false if none has it. */
static bool sum(char *const *texts, size_t n, const struct item *item, uint64_t *ret_sum)
{
	uint64_t value, total = 0;
	bool is_known = false;

	for (size_t i = 0; i < n; i++) {
		if (!texts[i] || !find_item(texts[i], item, &value))
			continue;
		total += value * item->unit;
		is_known = true;
	}
	*ret_sum = total;
	return is_known;
}

static void print_items(FILE *out, const char *name, char *const *texts, size_t n,
			const struct item *items)
{
	uint64_t total;

	for (const struct item *item = items; item->unit; item++) {
		if (!sum(texts, n, item, &total))
			continue;
		if (item->item)
			(void)fprintf(out, "%s{item=\"%s\"} %llu\n", name, item->item,
				      (unsigned long long)total);
		else
			(void)fprintf(out, "%s %llu\n", name, (unsigned long long)total);
	}
}

static uint64_t count_files(const char *proc, pid_t pid)
{
	_free_ char *path = xasprintf("%s/%d/fd", proc, (int)pid);
	DIR *dir = opendir(path);
	uint64_t n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n < 2 ? 0 : n - 2; /* . and .. */
}

static void print_processes(FILE *out, const char *prefix, const char *proc, const pid_t *pids,
			    size_t n_pids)
{
	_free_ char *fds = xasprintf("%s_fds", prefix);
	uint64_t n_files = 0;

	if (n_pids == 0)
		return;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		_free_ char *name = xasprintf("%s_%s", prefix, families[f].family);
		_free_ char **texts = xcalloc(n_pids, sizeof(*texts));

		for (size_t i = 0; i < n_pids; i++)
			texts[i] = read_proc(proc, pids[i], families[f].file);
		print_head(out, name, "gauge", families[f].help);
		print_items(out, name, texts, n_pids, families[f].items);
		for (size_t i = 0; i < n_pids; i++)
			free(texts[i]);
	}
	for (size_t i = 0; i < n_pids; i++)
		n_files += count_files(proc, pids[i]);
	print_head(out, fds, "gauge", "Open files.");
	(void)fprintf(out, "%s %llu\n", fds, (unsigned long long)n_files);
}

char *metrics_of_processes(const char *prefix, const char *proc, const pid_t *pids, size_t n_pids)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
	print_processes(out, prefix, proc, pids, n_pids);
	(void)fclose(out);
	return text;
}

/* The interfaces where the VM is: the pod's. */
static void print_netdevs(FILE *out, pid_t pid)
{
	static const char name[] = "kata_hypervisor_netdev";
	static const char *const items[NETDEV_ITEMS] = {
		"recv_bytes", "recv_packets", "recv_errs",       "recv_drop",
		"recv_fifo",  "recv_frame",   "recv_compressed", "recv_multicast",
		"sent_bytes", "sent_packets", "sent_errs",       "sent_drop",
		"sent_fifo",  "sent_colls",   "sent_carrier",    "sent_compressed",
	};
	_free_ char *text = read_proc("/proc", pid, "net/dev");
	_strv_ strv lines = text ? strv_split(text, "\n") : NULL;

	print_head(out, name, "gauge", "Interfaces of the pod's network.");
	for (size_t i = 2; i < strv_len(lines) && i < 2 + NETDEVS_MAX; i++) {
		_strv_ strv words = strv_split(lines[i], ": ");

		for (size_t w = 0; strv_len(words) > NETDEV_ITEMS && w < NETDEV_ITEMS; w++)
			(void)fprintf(out, "%s{interface=\"%s\",item=\"%s\"} %s\n", name, words[0],
				      items[w], words[w + 1]);
	}
}

static void print_host(FILE *out, const struct vmm *vmm)
{
	const pid_t self = getpid(), pid = vmm ? vmm_pid(vmm, VMM_PROCESS_VMM) : 0;
	pid_t daemons[VMM_SHARES_MAX];
	size_t n = 0;

	print_processes(out, "kata_shim", "/proc", &self, 1);
	if (pid > 0) {
		print_processes(out, "kata_hypervisor", "/proc", &pid, 1);
		print_netdevs(out, pid);
	}
	for (enum vmm_process p = VMM_PROCESS_FS; vmm && p <= VMM_PROCESS_FS_LAST; p++)
		if (vmm_pid(vmm, p) > 0)
			daemons[n++] = vmm_pid(vmm, p);
	print_processes(out, "kata_virtiofsd", "/proc", daemons, n);
}

/* ---- the guest ---- */

static void print_guest(FILE *out, const char *text)
{
	static const char *const comments[] = { "# HELP ", "# TYPE " };
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; lines && lines[i]; i++) {
		const char *name = lines[i], *begin = "";

		str_make_printable(lines[i]);
		for (size_t c = 0; c < ARRAY_SIZE(comments); c++)
			if (str_starts(lines[i], comments[c]))
				begin = comments[c];
		name += strlen(begin);
		if (!isalpha((unsigned char)name[0]))
			continue;
		(void)fprintf(out, "%s%s%s\n", begin,
			      str_starts(name, "kata_agent_") || str_starts(name, "kata_guest_")
				      ? ""
				      : "kata_agent_",
			      name);
	}
}

char *metrics_of_guest(const char *said)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
	print_guest(out, said);
	(void)fclose(out);
	return text;
}

static void ask_guest(FILE *out, struct sandbox *s)
{
	Agent__GetMetricsRequest request = AGENT__GET_METRICS_REQUEST__INIT;
	_message_ Agent__Metrics *answer = NULL;
	struct error e;

	if (client_call(sandbox_rpc(s), CLIENT_GET_METRICS, &request, &answer, 0,
			sandbox_canceller(s), &e) < 0)
		log_warn("the guest's metrics: %s", e.msg);
	else
		print_guest(out, answer->metrics);
}

static void add_container(struct sandbox *s, char *id, struct metrics_sample *sample)
{
	Agent__StatsContainerRequest request = AGENT__STATS_CONTAINER_REQUEST__INIT;
	_message_ Agent__StatsContainerResponse *answer = NULL;
	const Agent__CgroupStats *stats;
	struct error ignored;

	request.container_id = id;
	if (client_call(sandbox_rpc(s), CLIENT_STATS_CONTAINER, &request, &answer, CONTAINER_MS,
			sandbox_canceller(s), &ignored) < 0)
		return;
	stats = answer->cgroup_stats;
	if (stats && stats->cpu_stats && stats->cpu_stats->cpu_usage)
		sample->guest_cpu_ns += stats->cpu_stats->cpu_usage->total_usage;
	if (stats && stats->memory_stats && stats->memory_stats->usage)
		sample->guest_memory += stats->memory_stats->usage->usage;
}

static uint64_t time_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

char *metrics_gather(struct sandbox *s, char *const *containers, struct metrics_sample *ret_sample)
{
	struct metrics_sample sample = { .at_ns = time_ns() };
	uint64_t deadline_ms = deadline_in(CONTAINER_MS);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
	print_host(out, sandbox_vmm(s));
	ask_guest(out, s);
	sandbox_usage(s, &sample.host_cpu_ns, &sample.host_memory);
	for (char *const *id = containers; id && *id; id++) {
		/* What is left out would be the VM's. */
		if (now_ms() > deadline_ms)
			sample.at_ns = 0;
		else
			add_container(s, *id, &sample);
	}
	(void)fclose(out);
	*ret_sample = sample;
	return text;
}

/* ---- all together ---- */

static void print_overhead(FILE *out, const struct metrics_sample *before,
			   const struct metrics_sample *now)
{
	static const char memory[] = "kata_shim_pod_overhead_memory_in_bytes";
	static const char cpu[] = "kata_shim_pod_overhead_cpu";
	double host, guest;

	if (now->at_ns == 0)
		return;
	print_head(out, memory, "gauge", "Memory of the pod that its containers do not use.");
	(void)fprintf(out, "%s %lld\n", memory,
		      (long long)now->host_memory - (long long)now->guest_memory);
	if (before->at_ns == 0 || now->at_ns <= before->at_ns)
		return;
	host = (double)now->host_cpu_ns - (double)before->host_cpu_ns;
	guest = (double)now->guest_cpu_ns - (double)before->guest_cpu_ns;
	print_head(out, cpu, "gauge",
		   "Processor time of the pod that its containers do not use, in percent since the "
		   "last question.");
	(void)fprintf(out, "%s %.4g\n", cpu,
		      (host - guest) * 100 / (double)(now->at_ns - before->at_ns));
}

char *metrics_text(struct metrics *m, const char *gathered, const struct metrics_sample *now)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("");
	print_histograms(out, m);
	print_overhead(out, &m->last, now);
	(void)fputs(gathered, out);
	(void)fclose(out);
	if (now->at_ns > 0)
		m->last = *now;
	return text;
}
