/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper - collect orphans.
 *
 * Processes the agent starts are collected by whoever started them, by pidfd.  What is left are
 * orphans: children of a debug shell or of a kernel helper, given to the first process when their
 * parent ends (inside a container they go to its own first process).  Nobody waits for an orphan,
 * so there is no hurry, and that is how they are told apart: a dead child that is still there a
 * while after it was first seen belongs to nobody.
 *
 * The kernel shows one dead child at a time, always the same.  So when one has waited long enough
 * all processes are looked through: however many orphans there are, two looks later they are gone.
 * Io thread.
 */
#include "agent/container/reaper.h"

#include <dirent.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/proc.h"

#define SEEN_MAX 4096 /* at one look; the others at the next */

/* A process for ever. */
struct dead {
	pid_t pid;
	uint64_t start;
};

struct reaper {
	struct loop *loop;
	struct io signals;
	struct io timer;
	uint64_t patience_ms;
	bool is_waiting;
	struct dead *seen;
	size_t n_seen;
};

/* A dead child, which stays dead, of those that ID and TYPE name; 0 if there is none. */
static pid_t dead_child(idtype_t type, pid_t id)
{
	siginfo_t info = { 0 };

	if (waitid(type, (id_t)id, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return 0;
	return info.si_pid;
}

static bool was_seen(const struct reaper *reaper, const struct dead *dead)
{
	for (size_t i = 0; i < reaper->n_seen; i++)
		if (reaper->seen[i].pid == dead->pid && reaper->seen[i].start == dead->start)
			return true;
	return false;
}

/* Whether the entry NAME of /proc is a dead child of ours. */
static bool is_dead_child(const char *name, struct dead *ret_dead)
{
	struct error ignored;
	int64_t pid;

	if (parse_i64(name, "process id", 2, INT32_MAX, &pid, &ignored) < 0)
		return false;
	ret_dead->pid = (pid_t)pid;
	return dead_child(P_PID, ret_dead->pid) == ret_dead->pid &&
	       proc_start_time(ret_dead->pid, &ret_dead->start, &ignored) >= 0;
}

/* Collects the dead children that were there at the last look, and notes the others. */
static void look(struct reaper *reaper)
{
	struct dead *now = xcalloc(SEEN_MAX, sizeof(*now));
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (dir && n < SEEN_MAX && (entry = readdir(dir)) != NULL) {
		if (!is_dead_child(entry->d_name, &now[n]))
			continue;
		if (was_seen(reaper, &now[n]))
			(void)waitpid(now[n].pid, NULL, WNOHANG);
		else
			n++;
	}
	if (dir)
		(void)closedir(dir);
	free(reaper->seen);
	reaper->seen = xrealloc(now, n + 1, sizeof(*now));
	reaper->n_seen = n;
}

static void wait_on(struct reaper *reaper)
{
	reaper->is_waiting = dead_child(P_ALL, 0) != 0;
	if (reaper->is_waiting) {
		timer_arm(reaper->timer.fd, reaper->patience_ms, 0);
		return;
	}
	free(TAKE_PTR(reaper->seen));
	reaper->n_seen = 0;
}

static void on_signal(struct io *io, uint32_t events)
{
	struct reaper *reaper = CONTAINER_OF(io, struct reaper, signals);

	(void)events;
	while (signal_read(io->fd) > 0)
		;
	if (!reaper->is_waiting)
		wait_on(reaper);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct reaper *reaper = CONTAINER_OF(io, struct reaper, timer);

	(void)events;
	timer_read(io->fd);
	if (dead_child(P_ALL, 0))
		look(reaper);
	wait_on(reaper);
}

struct reaper *reaper_new(struct loop *loop, uint64_t patience_ms, struct error *e)
{
	struct reaper *reaper = xcalloc(1, sizeof(*reaper));
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	/* Writing to a pipe nobody reads is an error like others. */
	(void)sigaddset(&set, SIGPIPE);
	reaper->loop = loop;
	reaper->patience_ms = patience_ms;
	reaper->signals = (struct io){ .fd = signal_open(&set, e), .ready = on_signal };
	reaper->timer = (struct io){ .fd = -1, .ready = on_timer };
	if (reaper->signals.fd >= 0)
		reaper->timer.fd = timer_open(e);
	if (reaper->timer.fd < 0 || loop_add(loop, &reaper->signals, EPOLLIN, e) < 0 ||
	    loop_add(loop, &reaper->timer, EPOLLIN, e) < 0) {
		reaper_free(reaper);
		return NULL;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return reaper;
}

void reaper_free(struct reaper *reaper)
{
	if (!reaper)
		return;
	loop_del(reaper->loop, &reaper->timer);
	loop_del(reaper->loop, &reaper->signals);
	(void)close_fd(reaper->timer.fd);
	(void)close_fd(reaper->signals.fd);
	free(reaper->seen);
	free(reaper);
}
