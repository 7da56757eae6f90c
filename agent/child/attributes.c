/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attributes - what a specification says of how a process runs: scheduler, I/O priority,
 * personality, processors, clock offsets.
 *
 * The kernel's own calls are used, since the C libraries have no names for half of them.  A word
 * that is not in a table is refused by name: a process that runs otherwise than it was asked for is
 * not the one that was asked for.  Processors are the guest's.
 *
 * Runs in the child that becomes the process, with its privileges; one thread.
 */
#include "agent/child/attributes.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define IO_CLASS_SHIFT 13
#define IO_LEVEL_MAX   7
#define IO_WHO_PROCESS 1
#define CPUS_MAX       8192
#define NANOSECS       1000000000U

struct word {
	const char *name;
	uint32_t value;
};

static const struct word policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },
	{ "SCHED_BATCH", 3 }, { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
};

static const struct word scheduler_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static const struct word io_classes[] = {
	{ "IOPRIO_CLASS_RT", 1 },
	{ "IOPRIO_CLASS_BE", 2 },
	{ "IOPRIO_CLASS_IDLE", 3 },
};

static const struct word domains[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
};

static const struct word clocks[] = {
	{ "monotonic", 1 },
	{ "boottime", 7 },
};

/* Of linux/sched/types.h, which cannot be included beside sched.h. */
struct abi_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

static int find(const struct word *words, size_t n, const char *what, const char *name,
		uint32_t *ret_value, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i].name, name) != 0)
			continue;
		*ret_value = words[i].value;
		return 0;
	}
	return fail(e, EINVAL, "unknown %s '%.64s'", what, name);
}

int attributes_schedule(const Oci__Scheduler *wanted, struct error *e)
{
	struct abi_sched_attr attr = { .size = sizeof(attr) };
	int r;

	if (!wanted)
		return 0;
	attr.nice = wanted->nice;
	attr.priority = (uint32_t)wanted->priority;
	attr.runtime = wanted->runtime;
	attr.deadline = wanted->deadline;
	attr.period = wanted->period;
	r = find(policies, ARRAY_SIZE(policies), "policy of scheduling", wanted->policy,
		 &attr.policy, e);
	for (size_t i = 0; r >= 0 && i < wanted->n_flags; i++) {
		uint32_t flag = 0;

		r = find(scheduler_flags, ARRAY_SIZE(scheduler_flags), "flag of scheduling",
			 wanted->flags[i], &flag, e);
		attr.flags |= flag;
	}
	if (r < 0)
		return r;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		return fail(e, errno, "cannot schedule by '%s': %m", wanted->policy);
	return 0;
}

int attributes_prioritise_io(const Oci__IOPriority *wanted, struct error *e)
{
	uint32_t io_class = 0;
	int r;

	if (!wanted)
		return 0;
	r = find(io_classes, ARRAY_SIZE(io_classes), "class of I/O", wanted->class_, &io_class, e);
	if (r < 0)
		return r;
	if (wanted->priority < 0 || wanted->priority > IO_LEVEL_MAX)
		return fail(e, EINVAL, "priority of I/O %d is not in 0 to %d", wanted->priority,
			    IO_LEVEL_MAX);
	if (syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0,
		    io_class << IO_CLASS_SHIFT | (uint32_t)wanted->priority) < 0)
		return fail(e, errno, "cannot set the priority of I/O '%s': %m", wanted->class_);
	return 0;
}

static int parse_range(const char *text, uint32_t max, uint32_t *ret_first, uint32_t *ret_last,
		       struct error *e)
{
	const char *dash = strchr(text, '-');
	_free_ char *first = xstrndup(text, dash ? (size_t)(dash - text) : strlen(text));
	int r = parse_u32(first, "processor", max, ret_first, e);

	if (r >= 0)
		r = parse_u32(dash ? dash + 1 : first, "processor", max, ret_last, e);
	if (r >= 0 && *ret_first > *ret_last)
		r = fail(e, EINVAL, "processors '%s' are no range", text);
	return r;
}

int attributes_parse_cpus(const char *text, uint8_t *mask, size_t room, struct error *e)
{
	_strv_ strv ranges = strv_split(text, ",");

	memset(mask, 0, room);
	for (char *const *range = ranges; range && *range; range++) {
		uint32_t first, last;
		int r = parse_range(*range, (uint32_t)room * 8 - 1, &first, &last, e);

		if (r < 0)
			return r;
		for (; first <= last; first++)
			mask[first / 8] |= (uint8_t)(1U << first % 8);
	}
	return 0;
}

/* There is no transition to speak of: a process is born in its container's group. */
int attributes_pin(const Oci__CPUAffinity *wanted, struct error *e)
{
	uint64_t words[CPUS_MAX / 64];
	uint8_t *mask = (uint8_t *)words;
	int r;

	if (!wanted || str_empty(wanted->final))
		return 0;
	r = attributes_parse_cpus(wanted->final, mask, sizeof(words), e);
	if (r < 0)
		return r;
	if (syscall(SYS_sched_setaffinity, 0, sizeof(words), words) < 0)
		return fail(e, errno, "cannot run on the processors '%.64s' of the guest: %m",
			    wanted->final);
	return 0;
}

int attributes_personality(const Oci__Linux *linux_, struct error *e)
{
	const Oci__LinuxPersonality *wanted = linux_->personality;
	uint32_t domain = 0;
	int r;

	if (!wanted)
		return 0;
	if (wanted->n_flags)
		return fail(e, ENOTSUP, "the flag '%.64s' of a personality is not supported",
			    wanted->flags[0]);
	r = find(domains, ARRAY_SIZE(domains), "personality", wanted->domain, &domain, e);
	if (r < 0)
		return r;
	return personality(domain) < 0
		       ? fail(e, errno, "cannot have the personality '%s': %m", wanted->domain)
		       : 0;
}

bool attributes_has_own_time(const Oci__Linux *l)
{
	for (size_t i = 0; i < l->n_namespaces; i++)
		if (!strcmp(l->namespaces[i]->type, "time"))
			return true;
	return false;
}

static int shift_clock(const char *name, const Oci__LinuxTimeOffset *offset, int procfd,
		       struct error *e)
{
	_free_ char *line = NULL;
	uint32_t clock = 0;
	int r = find(clocks, ARRAY_SIZE(clocks), "clock", name, &clock, e);

	if (r < 0)
		return r;
	if (offset->nanosecs >= NANOSECS)
		return fail(e, EINVAL, "the clock '%s' has %u nanoseconds", name, offset->nanosecs);
	line = xasprintf("%u %jd %u", clock, (intmax_t)offset->secs, offset->nanosecs);
	r = file_write_at(procfd, "self/timens_offsets", line, e);
	return r < 0 ? fail_wrap(e, "clock '%s'", name) : 0;
}

/* Kernels before 6.3 move only children, not what executes a program. */
static int enter_time(int procfd, struct error *e)
{
	_close_ int fd = openat(procfd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		return fail(e, errno, "cannot enter the time namespace: %m");
	return 0;
}

int attributes_shift_time(const Oci__Linux *l, int procfd, struct error *e)
{
	int r = 0;

	if (!attributes_has_own_time(l))
		return l->n_timeoffsets ? fail(e, EINVAL, "clock offsets need a time namespace")
					: 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return fail(e, errno, "cannot make a time namespace: %m");
	for (size_t i = 0; r >= 0 && i < l->n_timeoffsets; i++)
		r = l->timeoffsets[i]->value ? shift_clock(l->timeoffsets[i]->key,
							   l->timeoffsets[i]->value, procfd, e)
					     : 0;
	return r < 0 ? r : enter_time(procfd, e);
}
