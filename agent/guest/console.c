/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console - the debug console: terminals for whoever connects.
 *
 * A connection is joined to the master of a new terminal; each direction holds at most BUFFER
 * bytes, and a side that does not take them stops the other.  The process behind the terminal is
 * this program run again, which becomes a shell of the image if there is one.  A connection ends
 * with its process and the process (by SIGHUP and SIGKILL) with its connection.  Runs on the io
 * thread.
 */

#include "agent/guest/console.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/listener.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "agent/guest/console-shell.h"

#define BUFFER       (16 * KIB)
#define SESSIONS_MAX 8
#define SELF         "/proc/self/exe"

static const char *const shells[] = { "/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh" };

static char *const environment[] = {
	(char[]){ "PATH=/bin:/sbin:/usr/bin:/usr/sbin" },
	(char[]){ "TERM=linux" },
	(char[]){ "HOME=/" },
	NULL,
};

/* One of the two ends of a session. */
struct end {
	struct io io;
	struct buf out; /* to be written to it */
	bool is_added;
};

struct session {
	struct session *next;
	struct console *console;
	struct end socket;
	struct end terminal;
	struct io child; /* its pidfd */
	struct proc proc;
};

struct console {
	struct loop *loop;
	struct listener listener;
	struct session *sessions;
	unsigned n_sessions;
};

static void end_init(struct end *end, void (*ready)(struct io *, uint32_t))
{
	end->io = (struct io){ .fd = -1, .ready = ready };
	buf_init(&end->out, BUFFER);
}

static void end_done(struct loop *loop, struct end *end)
{
	if (end->is_added)
		loop_del(loop, &end->io);
	end->io.fd = close_fd(end->io.fd);
	buf_done(&end->out);
}

static void session_free(struct session *s)
{
	struct session **at = &s->console->sessions;
	struct loop *loop = s->console->loop;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at) {
		*at = s->next;
		s->console->n_sessions--;
	}
	loop_del(loop, &s->child);
	end_done(loop, &s->socket);
	end_done(loop, &s->terminal);
	if (s->proc.pid > 0) {
		struct error ignored;

		(void)proc_kill(&s->proc, SIGKILL, &ignored);
		proc_done(&s->proc);
	}
	free(s);
}

/* An end is read while the other takes bytes, and written while it has some. */
static void watch(struct session *s)
{
	struct end *const ends[] = { &s->socket, &s->terminal, &s->socket };

	for (size_t i = 0; i < 2; i++) {
		uint32_t events = 0;

		if (ends[i + 1]->out.len < BUFFER)
			events |= EPOLLIN;
		if (ends[i]->out.len > 0)
			events |= EPOLLOUT;
		loop_mod(s->console->loop, &ends[i]->io, events);
	}
}

/* False when FROM has ended. */
static bool take_bytes(struct end *from, struct end *to)
{
	size_t room = BUFFER - to->out.len;
	struct error ignored;
	ssize_t n;

	if (room == 0)
		return true;
	n = buf_read(&to->out, from->io.fd, room, &ignored);
	return n > 0 || n == -EAGAIN;
}

static bool give_bytes(struct end *to)
{
	struct error ignored;
	ssize_t n = to->out.len ? buf_write(&to->out, to->io.fd, &ignored) : 0;

	return n >= 0 || n == -EAGAIN;
}

static void move(struct session *s, struct end *from, struct end *to, uint32_t events)
{
	/* The end of a side that cannot be read now would be reported again and again. */
	bool goes_on = !(events & (EPOLLHUP | EPOLLERR)) || to->out.len < BUFFER;

	if (goes_on && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		goes_on = take_bytes(from, to) && give_bytes(to);
	if (goes_on && events & EPOLLOUT)
		goes_on = give_bytes(from);
	if (goes_on)
		watch(s);
	else
		session_free(s);
}

static void on_socket(struct io *io, uint32_t events)
{
	struct end *end = CONTAINER_OF(io, struct end, io);
	struct session *s = CONTAINER_OF(end, struct session, socket);

	move(s, &s->socket, &s->terminal, events);
}

static void on_terminal(struct io *io, uint32_t events)
{
	struct end *end = CONTAINER_OF(io, struct end, io);
	struct session *s = CONTAINER_OF(end, struct session, terminal);

	move(s, &s->terminal, &s->socket, events);
}

/* What the process still said is passed on before the connection ends. */
static void on_child(struct io *io, uint32_t events)
{
	struct session *s = CONTAINER_OF(io, struct session, child);

	(void)events;
	(void)take_bytes(&s->terminal, &s->socket);
	(void)give_bytes(&s->socket);
	(void)waitpid(s->proc.pid, NULL, WNOHANG);
	proc_done(&s->proc);
	s->proc.pid = 0;
	io->fd = -1;
	session_free(s);
}

/* Starts ourselves on the terminal SLAVE. */
static int start_process(int slave, struct proc *ret_proc, struct error *e)
{
	char *argv[] = { (char[]){ SELF }, (char[]){ "console" }, NULL };
	const struct proc_fd fds[] = { { slave, 0 }, { slave, 1 }, { slave, 2 } };
	const struct proc_spec spec = { .argv = argv,
					.env = environment,
					.fds = fds,
					.n_fds = ARRAY_SIZE(fds),
					.new_session = true };

	return proc_start(&spec, ret_proc, e);
}

static int open_terminal(int *ret_slave, struct error *e)
{
	_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlocked = 0, slave;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return fail(e, errno, "cannot make a terminal: %m");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail(e, errno, "cannot open a terminal: %m");
	*ret_slave = slave;
	return TAKE_FD(master);
}

static int watch_end(struct loop *loop, struct end *end, int fd, struct error *e)
{
	end->io.fd = fd;
	if (loop_add(loop, &end->io, EPOLLIN, e) < 0)
		return -e->code;
	end->is_added = true;
	return 0;
}

static int session_start(struct session *s, struct error *e)
{
	struct loop *loop = s->console->loop;
	_close_ int slave = -1;

	s->terminal.io.fd = open_terminal(&slave, e);
	if (s->terminal.io.fd < 0 || start_process(slave, &s->proc, e) < 0)
		return -e->code;
	s->child.fd = s->proc.pidfd;
	if (loop_add(loop, &s->child, EPOLLIN, e) < 0 ||
	    watch_end(loop, &s->terminal, s->terminal.io.fd, e) < 0)
		return -e->code;
	return watch_end(loop, &s->socket, s->socket.io.fd, e);
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct console *c = CONTAINER_OF(l, struct console, listener);
	struct session *s;
	struct error e;

	if (c->n_sessions == SESSIONS_MAX) {
		(void)close(own_fd);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->console = c;
	s->next = c->sessions;
	c->sessions = s;
	c->n_sessions++;
	end_init(&s->socket, on_socket);
	end_init(&s->terminal, on_terminal);
	s->child = (struct io){ .fd = -1, .ready = on_child };
	s->socket.io.fd = own_fd;
	if (session_start(s, &e) == 0)
		return;
	log_warn("no debug console: %s", e.msg);
	session_free(s);
}

struct console *console_new(struct loop *loop, const struct sock_address *address, struct error *e)
{
	struct console *c = xcalloc(1, sizeof(*c));
	int fd = sock_listen(address, e);

	c->loop = loop;
	c->listener = LISTENER_NONE;
	if (fd >= 0 && listener_open(&c->listener, loop, fd, on_accepted, e) == 0)
		return c;
	console_free(c);
	return NULL;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	while (c->sessions)
		session_free(c->sessions);
	listener_close(&c->listener);
	free(c);
}

int console_start_local(struct error *e)
{
	_close_ int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct proc proc;

	if (fd < 0)
		return fail(e, errno, "cannot open '/dev/console': %m");
	if (start_process(fd, &proc, e) < 0)
		return -e->code;
	/* It is reaped as an orphan is. */
	proc_done(&proc);
	return 0;
}

int console_main(void)
{
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		char *argv[] = { (char *)(uintptr_t)path_base(shells[i]), NULL };

		(void)execve(shells[i], argv, environment);
	}
	return console_shell(stdin, stdout);
}
