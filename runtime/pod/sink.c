/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - fifos, files and loggers at the host's end of a process's streams.
 *
 * A fifo for output is opened for reading as well: containerd may be restarting and nobody at the
 * other end, and a write must then wait in the fifo instead of failing.  So it does not tell
 * whether somebody reads, which is asked before, and of the writing end alone after.  A logger gets
 * containerd's contract: standard output and error of the process on descriptors 3 and 4, and
 * closes or writes to 5 when it is ready.  It ends by itself when its pipes do.
 *
 * Opening: work thread.  The rest: io thread.
 */

#include "runtime/pod/sink.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/str.h"

#define READY_WAIT_MS UINT64_C(10000)
#define ARGUMENTS_MAX 64
/* waitid(2) of a pidfd, which not every libc names. */
#define WAIT_PIDFD ((idtype_t)3)

struct sink {
	struct io io; /* the logger's pidfd */
	struct loop *loop;
	pid_t pid;
};

/* What one call of the agent moves fits in, as far as the host allows: the next is under way while
 * this is read or written. */
static int fifo_open(const char *path, int flags, struct error *e)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open the stream '%s': %m", path);
	if (fcntl(fd, F_GETPIPE_SZ) < (int)STDIO_CHUNK)
		(void)fcntl(fd, F_SETPIPE_SZ, STDIO_CHUNK);
	return fd;
}

/* The writing end is kept until ours is there, lest a reader take its going for the end. */
static int output_fifo_open(const char *path, bool *ret_has_no_reader, struct error *e)
{
	int write_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int fd;

	*ret_has_no_reader = write_fd < 0 && errno == ENXIO;
	fd = fifo_open(path, O_RDWR, e);
	(void)close_fd(write_fd);
	return fd;
}

int sink_only_write(int *fd, struct error *e)
{
	struct fd_path path = fd_path(*fd);
	int write_fd = open(path.s, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (write_fd < 0)
		return fail(e, errno, "cannot open the writing end of a stream: %m");
	(void)close_fd(*fd);
	*fd = write_fd;
	return 0;
}

bool sink_has_reader(int fd)
{
	struct pollfd poll_fd = { .fd = fd };

	return poll(&poll_fd, 1, 0) <= 0 || !(poll_fd.revents & POLLERR);
}

static int file_append(const char *path, struct error *e)
{
	_free_ char *parent = path_parent(path);
	int fd = dir_make(parent, 0755, e);

	if (fd < 0)
		return fd;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(e, errno, "cannot open the stream '%s': %m", path);
	return fd;
}

static int output_open(const char *uri, bool *ret_has_no_reader, struct error *e)
{
	*ret_has_no_reader = false;
	if (str_empty(uri))
		return fifo_open("/dev/null", O_WRONLY, e);
	if (uri[0] == '/')
		return output_fifo_open(uri, ret_has_no_reader, e);
	if (str_starts(uri, "fifo://"))
		return output_fifo_open(uri + strlen("fifo://"), ret_has_no_reader, e);
	if (str_starts(uri, "file://"))
		return file_append(uri + strlen("file://"), e);
	return fail(e, EINVAL, "the stream '%s' has a scheme this shim does not know", uri);
}

static int input_open(const char *uri, struct error *e)
{
	if (str_starts(uri, "fifo://"))
		uri += strlen("fifo://");
	if (uri[0] != '/')
		return fail(e, EINVAL, "the input '%s' is no fifo", uri);
	return fifo_open(uri, O_RDONLY, e);
}

/* Undoes the escapes of a URI's query, in place. */
static void unescape(char *s)
{
	for (char *c = s; *c; c++)
		if (*c == '+')
			*c = ' ';
	percent_decode(s);
}

int sink_parse_binary(const char *uri, char ***ret_argv, struct error *e)
{
	const char *path = uri + strlen("binary://");
	const char *query = strchr(path, '?');
	_strv_ strv pairs = NULL;
	_strv_ strv argv = NULL;

	strv_take(&argv, xstrndup(path, query ? (size_t)(query - path) : strlen(path)));
	pairs = strv_split(query ? query + 1 : "", "&");
	for (char **pair = pairs; pair && *pair; pair++) {
		char *value = strchr(*pair, '=');

		if (strv_len(argv) > ARGUMENTS_MAX)
			return fail(e, EINVAL, "the logger '%s' has too many arguments", argv[0]);
		if (value)
			*value++ = '\0';
		unescape(*pair);
		strv_add(&argv, *pair);
		if (str_empty(value))
			continue;
		unescape(value);
		strv_add(&argv, value);
	}
	unescape(argv[0]);
	if (argv[0][0] != '/')
		return fail(e, EINVAL, "the logger '%s' is no absolute path", argv[0]);
	*ret_argv = TAKE_PTR(argv);
	return 0;
}

struct pipe_pair {
	int read;
	int write;
};

static void pipe_done(struct pipe_pair *p)
{
	p->read = close_fd(p->read);
	p->write = close_fd(p->write);
}

static int pipe_open(struct pipe_pair *p, struct error *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	*p = (struct pipe_pair){ fds[0], fds[1] };
	return 0;
}

/* The logger writes or closes when it is ready; one that ends says nothing and closes as well. */
static int logger_wait(struct pipe_pair *ready, const char *program, struct error *e)
{
	ready->write = close_fd(ready->write);
	if (wait_fd(ready->read, POLLIN, program, deadline_in(READY_WAIT_MS), NULL, e) < 0)
		return fail_wrap(e, "starting the logger");
	return 0;
}

static int logger_start(const char *uri, const char *container_id, const char *namespace_,
			const struct pipe_pair pipes[3], struct proc *ret_proc, struct error *e)
{
	_strv_ strv argv = NULL;
	_strv_ strv env = NULL;
	const struct proc_fd fds[] = { { pipes[0].read, 3 },
				       { pipes[1].read, 4 },
				       { pipes[2].write, 5 } };
	struct proc_spec spec = { .fds = fds, .n_fds = ARRAY_SIZE(fds), .new_session = true };
	int r = sink_parse_binary(uri, &argv, e);

	if (r < 0)
		return r;
	strv_addf(&env, "CONTAINER_ID=%s", container_id);
	strv_addf(&env, "CONTAINER_NAMESPACE=%s", namespace_);
	spec.argv = argv;
	spec.env = env;
	return proc_start(&spec, ret_proc, e);
}

static int set_nonblocking(int fd, struct error *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail(e, errno, "cannot make a pipe non-blocking: %m");
	return 0;
}

/* Both outputs go to one logger. */
static int logger_open(const char *uri, const char *container_id, const char *namespace_,
		       struct sink_fds *fds, struct sink **ret_logger, struct error *e)
{
	struct pipe_pair pipes[3] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct proc proc = { .pid = 0, .pidfd = -1 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(pipes); i++)
		r = pipe_open(&pipes[i], e);
	if (r >= 0)
		r = logger_start(uri, container_id, namespace_, pipes, &proc, e);
	if (r >= 0)
		r = logger_wait(&pipes[2], uri, e);
	if (r >= 0)
		r = set_nonblocking(pipes[0].write, e);
	if (r >= 0)
		r = set_nonblocking(pipes[1].write, e);
	if (r < 0) {
		(void)proc_stop(&proc, 0);
	} else {
		*ret_logger = xcalloc(1, sizeof(**ret_logger));
		(*ret_logger)->io.fd = proc.pidfd;
		(*ret_logger)->pid = proc.pid;
		fds->out = TAKE_FD(pipes[0].write);
		fds->err = TAKE_FD(pipes[1].write);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pipes); i++)
		pipe_done(&pipes[i]);
	return r;
}

static int outputs_open(const struct stdio_paths *paths, const char *container_id,
			const char *namespace_, struct sink_fds *fds, struct sink **ret_logger,
			struct error *e)
{
	if (!str_empty(paths->out) && str_starts(paths->out, "binary://"))
		return logger_open(paths->out, container_id, namespace_, fds, ret_logger, e);
	fds->out = output_open(paths->out, &fds->out_has_no_reader, e);
	if (fds->out < 0)
		return fds->out;
	if (paths->is_terminal)
		return 0;
	fds->err = output_open(paths->err, &fds->err_has_no_reader, e);
	return fds->err < 0 ? fds->err : 0;
}

int sink_open(const struct stdio_paths *paths, const char *container_id, const char *namespace_,
	      struct sink_fds *ret_fds, struct sink **ret_logger, struct error *e)
{
	struct sink_fds fds = { .in = -1, .out = -1, .err = -1 };
	int r = 0;

	*ret_logger = NULL;
	if (!str_empty(paths->in)) {
		fds.in = input_open(paths->in, e);
		r = fds.in < 0 ? fds.in : 0;
	}
	if (r >= 0)
		r = outputs_open(paths, container_id, namespace_, &fds, ret_logger, e);
	if (r < 0) {
		(void)close_fd(fds.in);
		(void)close_fd(fds.out);
		(void)close_fd(fds.err);
		return r;
	}
	*ret_fds = fds;
	return 0;
}

static void logger_ended(struct io *io, uint32_t flags)
{
	struct sink *s = CONTAINER_OF(io, struct sink, io);
	siginfo_t info;

	(void)flags;
	loop_del(s->loop, io);
	(void)waitid(WAIT_PIDFD, (id_t)io->fd, &info, WEXITED | WNOHANG);
	(void)close_fd(io->fd);
	free(s);
}

void sink_free(struct sink *own_sink, struct loop *loop)
{
	struct error e;

	if (!own_sink)
		return;
	own_sink->loop = loop;
	own_sink->io.ready = logger_ended;
	if (loop_add(loop, &own_sink->io, EPOLLIN, &e) < 0) {
		log_warn("logger %d will not be reaped: %s", (int)own_sink->pid, e.msg);
		(void)close_fd(own_sink->io.fd);
		free(own_sink);
	}
}
