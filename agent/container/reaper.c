/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper - collect orphans.
 *
 * Processes the agent starts are collected by whoever started them, by pidfd.  What is left are
 * orphans: children of a debug shell or of a kernel helper, given to the first process when their
 * parent ends (inside a container they go to its own first process).  Nobody waits for an orphan,
 * so there is no hurry, and that is how they are told apart: a dead child that is still there
 * PATIENCE_MS after it was first seen belongs to nobody.  Io thread.
 */
#include "agent/container/reaper.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PATIENCE_MS 2000

struct reaper {
	struct loop *loop;
	struct io signals;
	struct io timer;
	pid_t seen;
};

/* A dead child, which stays dead; 0 if there is none. */
static pid_t dead_child(void)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return 0;
	return info.si_pid;
}

static void on_signal(struct io *io, uint32_t events)
{
	struct reaper *reaper = CONTAINER_OF(io, struct reaper, signals);

	(void)events;
	while (signal_read(io->fd) > 0)
		;
	if (reaper->seen)
		return;
	reaper->seen = dead_child();
	if (reaper->seen)
		timer_arm(reaper->timer.fd, PATIENCE_MS, 0);
}

static void on_timer(struct io *io, uint32_t events)
{
	struct reaper *reaper = CONTAINER_OF(io, struct reaper, timer);
	pid_t dead = dead_child();

	(void)events;
	timer_read(io->fd);
	if (dead && dead == reaper->seen) {
		(void)waitpid(dead, NULL, WNOHANG);
		dead = dead_child();
	}
	reaper->seen = dead;
	if (dead)
		timer_arm(io->fd, PATIENCE_MS, 0);
}

struct reaper *reaper_new(struct loop *loop, struct error *e)
{
	struct reaper *reaper = xcalloc(1, sizeof(*reaper));
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	/* Writing to a pipe nobody reads is an error like others. */
	(void)sigaddset(&set, SIGPIPE);
	reaper->loop = loop;
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
	free(reaper);
}
