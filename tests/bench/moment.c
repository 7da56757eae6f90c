/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment - run a command and say after how many milliseconds something happened.
 *
 *   moment --line TEXT COMMAND...     a line with TEXT came on its standard output
 *   moment --accept PATH COMMAND...   somebody connected to the unix socket PATH, made by us before
 *   moment --exit COMMAND...          it ended with status 0
 *
 * The clock starts right before fork(2) and stops at the event, so the figure holds neither the
 * start of this program nor the end of the command, which is killed.  One number on standard
 * output.  Exit status 1 when the event did not come within 60 s.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/buf.h"
#include "lib/proc.h"

#define GIVE_UP_MS 60000

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int await_line(int fd, const char *text, struct error *e)
{
	_buf_ struct buf output = { .max = MIB };
	int r;

	for (;;) {
		r = wait_fd(fd, POLLIN, "the line", deadline_in(GIVE_UP_MS), NULL, e);
		if (r < 0)
			return r;
		if (buf_read(&output, fd, 4096, e) <= 0)
			return fail(e, EPIPE, "the command ended before '%s'", text);
		if (memmem(output.data, output.len, text, strlen(text)))
			return 0;
	}
}

static int listen_at(const char *path, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(e, ENAMETOOLONG, "'%s' is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 8) < 0)
		return fail(e, errno, "cannot listen at '%s': %m", path);
	return TAKE_FD(fd);
}

static int await_exit(struct proc *p, struct error *e)
{
	int status, r;

	r = proc_wait(p, deadline_in(GIVE_UP_MS), NULL, &status, e);
	if (r == 0 && status != 0)
		return fail(e, EPROTO, "the command ended with status %d", status);
	return r;
}

static int measure(const char *event, const char *what, char *const *argv, struct error *e)
{
	_close_ int output = -1, output_child = -1, listener = -1;
	struct proc_spec spec = { .argv = argv, .env = environ, .dies_with_us = true };
	struct proc_fd fds[2];
	struct proc p;
	int pipe_fds[2], r;
	double start;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	output = pipe_fds[0];
	output_child = pipe_fds[1];
	fds[0] = (struct proc_fd){ output_child, STDOUT_FILENO };
	fds[1] = (struct proc_fd){ STDERR_FILENO, STDERR_FILENO };
	spec.fds = fds;
	spec.n_fds = 2;
	if (!strcmp(event, "--accept"))
		listener = listen_at(what, e);
	if (!strcmp(event, "--accept") && listener < 0)
		return listener;
	start = now();
	r = proc_start(&spec, &p, e);
	if (r < 0)
		return r;
	output_child = close_fd(output_child);
	if (listener >= 0)
		r = wait_fd(listener, POLLIN, "the connection", deadline_in(GIVE_UP_MS), NULL, e);
	else
		r = what ? await_line(output, what, e) : await_exit(&p, e);
	if (r >= 0)
		(void)printf("%.1f\n", now() - start);
	(void)proc_stop(&p, 0);
	return r;
}

int main(int argc, char **argv)
{
	bool with_what = argc > 1 && (!strcmp(argv[1], "--line") || !strcmp(argv[1], "--accept"));
	struct error e;
	int command = with_what ? 3 : 2;

	if (argc <= command || (!with_what && strcmp(argv[1], "--exit"))) {
		(void)fprintf(stderr, "usage: %s --line TEXT|--accept PATH|--exit COMMAND...\n",
			      argv[0]);
		return 2;
	}
	if (measure(argv[1], with_what ? argv[2] : NULL, argv + command, &e) < 0) {
		(void)fprintf(stderr, "moment: %s\n", e.msg);
		return 1;
	}
	return 0;
}
