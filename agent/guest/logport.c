/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logport - the agent's log as a stream on a vsock port.
 *
 * Lines go into a pipe that never blocks its writer; the pipe is emptied only while somebody is
 * connected, so a reader that comes late gets the beginning, and what does not fit is lost rather
 * than waited for.  A second reader waits for the first to go.  Runs on the io thread.
 */

#include "agent/guest/logport.h"

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include "lib/listener.h"
#include "lib/log.h"
#include "lib/sock.h"

#define CHUNK 4096

struct logport {
	struct loop *loop;
	struct listener listener;
	struct io reader; /* the connection; fd -1: nobody */
	struct io pipe;   /* the end we read; watched while somebody is connected */
	int write_fd;
	char chunk[CHUNK]; /* taken from the pipe, not yet taken by the reader */
	size_t from, to;
};

static void drop_reader(struct logport *l)
{
	loop_del(l->loop, &l->pipe);
	loop_del(l->loop, &l->reader);
	l->reader.fd = close_fd(l->reader.fd);
	listener_go_on(&l->listener);
}

static bool send_chunk(struct logport *l)
{
	ssize_t n = send(l->reader.fd, l->chunk + l->from, l->to - l->from,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN;
	l->from += (size_t)n;
	return true;
}

static void on_pipe(struct io *io, uint32_t events)
{
	struct logport *l = CONTAINER_OF(io, struct logport, pipe);
	ssize_t n;

	(void)events;
	if (l->from == l->to) {
		n = read(io->fd, l->chunk, sizeof(l->chunk));
		l->from = 0;
		l->to = n > 0 ? (size_t)n : 0;
	}
	if (!send_chunk(l)) {
		drop_reader(l);
		return;
	}
	if (l->from == l->to)
		return;
	/* The reader is slow: wait for it, not for the pipe. */
	loop_del(l->loop, &l->pipe);
	loop_mod(l->loop, &l->reader, EPOLLOUT);
}

static void on_reader(struct io *io, uint32_t events)
{
	struct logport *l = CONTAINER_OF(io, struct logport, reader);
	struct error e;

	if (!(events & EPOLLOUT) || !send_chunk(l)) {
		drop_reader(l);
		return;
	}
	if (l->from < l->to)
		return;
	loop_mod(l->loop, io, 0);
	if (loop_add(l->loop, &l->pipe, EPOLLIN, &e) < 0)
		drop_reader(l);
}

static void on_accepted(struct listener *listener, int own_fd)
{
	struct logport *l = CONTAINER_OF(listener, struct logport, listener);
	struct error e;

	l->reader.fd = own_fd;
	listener_hold(listener);
	if (loop_add(l->loop, &l->reader, 0, &e) < 0 ||
	    loop_add(l->loop, &l->pipe, EPOLLIN, &e) < 0)
		drop_reader(l);
}

struct logport *logport_new(struct loop *loop, uint32_t port, int *ret_fd, struct error *e)
{
	const struct sock_address address = { .kind = SOCK_KIND_VSOCK,
					      .cid = VMADDR_CID_ANY,
					      .port = port };
	struct logport *l = xcalloc(1, sizeof(*l));
	int fd, ends[2];

	l->loop = loop;
	l->listener = LISTENER_NONE;
	l->reader = (struct io){ .fd = -1, .ready = on_reader };
	l->pipe = (struct io){ .fd = -1, .ready = on_pipe };
	l->write_fd = -1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		(void)fail(e, errno, "cannot make a pipe for the log: %m");
		logport_free(l);
		return NULL;
	}
	l->pipe.fd = ends[0];
	l->write_fd = ends[1];
	fd = sock_listen(&address, e);
	if (fd < 0 || listener_open(&l->listener, loop, fd, on_accepted, e) < 0) {
		logport_free(l);
		return NULL;
	}
	*ret_fd = l->write_fd;
	return l;
}

void logport_free(struct logport *l)
{
	if (!l)
		return;
	listener_close(&l->listener);
	loop_del(l->loop, &l->reader);
	loop_del(l->loop, &l->pipe);
	(void)close_fd(l->reader.fd);
	(void)close_fd(l->pipe.fd);
	(void)close_fd(l->write_fd);
	free(l);
}
