/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child - run this same program with another action, and hear how it ended.
 *
 * What a child wants to say it writes into a pipe that is read when it has ended, so it is bounded
 * by the pipe and nobody waits for it.  Io thread only.
 */
#include "deploy/child.h"

#include <fcntl.h>
#include <string.h>

#include "lib/log.h"

#define PROGRAM   "/proc/self/exe"
#define REPORT_FD 3
#define FDS_MAX   8
#define GRACE_MS  2000

void child_init(struct child *c, struct loop *loop,
		void (*ended)(struct child *child, int status, const char *report))
{
	*c = (struct child){ .loop = loop, .ended = ended, .io = { .fd = -1 }, .report_fd = -1 };
}

bool child_runs(const struct child *c)
{
	return c->io.fd >= 0;
}

/* What the child gave as its reason; empty when it had none. */
static void read_report(struct child *c, char report[CHILD_REPORT_MAX])
{
	ssize_t n = read(c->report_fd, report, CHILD_REPORT_MAX - 1);

	report[n > 0 ? n : 0] = '\0';
	c->report_fd = close_fd(c->report_fd);
}

static void on_end(struct io *io, uint32_t events)
{
	struct child *c = CONTAINER_OF(io, struct child, io);
	char report[CHILD_REPORT_MAX];
	struct error e;
	int status = 1;

	(void)events;
	loop_del(c->loop, &c->io);
	c->io.fd = -1;
	/* The pidfd is readable, so this does not wait. */
	if (proc_wait(&c->proc, deadline_in(1000), NULL, &status, &e) < 0)
		log_error("%s", e.msg);
	proc_done(&c->proc);
	read_report(c, report);
	c->ended(c, status, report);
}

int child_start(struct child *c, const char *action, const struct proc_fd *fds, size_t n_fds,
		struct error *e)
{
	_strv_ strv argv = NULL;
	struct proc_fd all[FDS_MAX] = { { 1, 1 }, { 2, 2 } };
	struct proc_spec spec = { .env = environ, .fds = all, .n_fds = 3 + n_fds };
	int pipe_fds[2];
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	all[2] = (struct proc_fd){ pipe_fds[1], REPORT_FD };
	for (size_t i = 0; i < n_fds && 3 + i < FDS_MAX; i++)
		all[3 + i] = fds[i];
	strv_add(&argv, PROGRAM);
	strv_addf(&argv, "--report=%d", REPORT_FD);
	strv_add(&argv, action);
	spec.argv = argv;
	r = proc_start(&spec, &c->proc, e);
	(void)close(pipe_fds[1]);
	if (r < 0) {
		(void)close(pipe_fds[0]);
		return r;
	}
	c->report_fd = pipe_fds[0];
	c->io = (struct io){ .fd = c->proc.pidfd, .ready = on_end };
	return loop_add(c->loop, &c->io, EPOLLIN, e);
}

void child_signal(const struct child *c, int signal)
{
	struct error ignored;

	if (child_runs(c))
		(void)proc_kill(&c->proc, signal, &ignored);
}

void child_done(struct child *c)
{
	if (child_runs(c)) {
		loop_del(c->loop, &c->io);
		c->io.fd = -1;
		(void)proc_stop(&c->proc, GRACE_MS);
	}
	closep(&c->report_fd);
}
