/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits - how much of everything the guest's kernel lets programs have.
 *
 * The kernel counts many of its limits from the memory it is born with: a guest of 256 MiB got 927
 * threads for a user and 9,669 open files, and hot-plug changed neither.  They are there to protect
 * the users of one machine from each other.  A guest has one pod, what its programs take is charged
 * to the memory limits of their containers, and images are made on hosts; so the numbers are those
 * that a host of usual size has (systemd's, those of distributions, or the kernel's for 16 GiB),
 * whatever the size of the guest.  The few that keep the network from eating the memory follow it.
 */

#include "agent/guest/limits.h"

#include <string.h>
#include <sys/resource.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/str.h"

#define MEMINFO_MAX  (64 * KIB)
#define PAGE_KIB     4
#define FILES_OF_ONE 1048576
#define SIGNALS      131072

static const struct {
	const char *knob;
	const char *value;
} knobs[] = {
	{ "kernel/pid_max", "4194304" },
	{ "kernel/threads-max", "1048576" },
	{ "vm/max_map_count", "1048576" },
	{ "fs/file-max", "9223372036854775807" },
	{ "fs/nr_open", "1073741816" },
	{ "fs/epoll/max_user_watches", "3600000" },
	{ "fs/fanotify/max_user_marks", "131072" },
	{ "fs/inotify/max_user_instances", "8192" },
	{ "fs/inotify/max_user_watches", "1048576" },
	{ "user/max_cgroup_namespaces", "131072" },
	{ "user/max_fanotify_marks", "131072" },
	{ "user/max_ipc_namespaces", "131072" },
	{ "user/max_mnt_namespaces", "131072" },
	{ "user/max_net_namespaces", "131072" },
	{ "user/max_pid_namespaces", "131072" },
	{ "user/max_time_namespaces", "131072" },
	{ "user/max_user_namespaces", "131072" },
	{ "user/max_uts_namespaces", "131072" },
	{ "net/ipv4/tcp_max_orphans", "65536" },
	{ "net/ipv4/tcp_max_syn_backlog", "4096" },
	{ "net/ipv4/tcp_max_tw_buckets", "65536" },
	{ "net/ipv4/tcp_rmem", "4096 131072 6291456" },
	{ "net/ipv4/tcp_wmem", "4096 16384 4194304" },
	{ "net/netfilter/nf_conntrack_max", "262144" },
};

/* In pages; what the kernel's own rules (tcp_init_mem(), udp_init()) give at boot. */
static const struct {
	const char *knob;
	unsigned part; /* of the memory: one of so many */
} network_knobs[] = {
	{ "net/ipv4/tcp_mem", 16 },
	{ "net/ipv4/udp_mem", 8 },
};

static void set(const char *proc_sys, const char *knob, const char *value)
{
	_free_ char *path = path_join(proc_sys, knob);
	struct error e;
	int r = file_write(path, value, &e);

	if (r < 0 && r != -ENOENT)
		log_warn("%s", e.msg);
}

void limits_set(const char *proc_sys)
{
	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		set(proc_sys, knobs[i].knob, knobs[i].value);
}

void limits_follow_memory(const char *proc_sys, uint64_t memory_kib)
{
	for (size_t i = 0; i < ARRAY_SIZE(network_knobs); i++) {
		uint64_t pressure = memory_kib / PAGE_KIB / network_knobs[i].part;
		uint64_t low = pressure / 4 * 3;
		_free_ char *value = xasprintf("%ju %ju %ju", (uintmax_t)low, (uintmax_t)pressure,
					       (uintmax_t)low * 2);

		set(proc_sys, network_knobs[i].knob, value);
	}
}

int limits_memory_kib(const char *meminfo, uint64_t *ret_kib, struct error *e)
{
	_free_ char *text = NULL, *word = NULL;
	const char *found;
	int r = file_read(meminfo, MEMINFO_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	found = strstr(text, "MemTotal:");
	if (!found)
		return fail(e, EINVAL, "'%s' does not say how much memory there is", meminfo);
	found += strlen("MemTotal:");
	found += strspn(found, " \t");
	word = xstrndup(found, strspn(found, "0123456789"));
	return parse_u64(word, "MemTotal", UINT64_MAX, ret_kib, e);
}

void limits_raise_own(void)
{
	const struct rlimit files = { FILES_OF_ONE, FILES_OF_ONE };
	const struct rlimit processes = { RLIM_INFINITY, RLIM_INFINITY };
	const struct rlimit signals = { SIGNALS, SIGNALS };

	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)setrlimit(RLIMIT_NPROC, &processes);
	(void)setrlimit(RLIMIT_SIGPENDING, &signals);
}
