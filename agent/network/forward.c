/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward - let the runtime connect to what listens on the pod's localhost.
 *
 * Engines forward a port by connecting to localhost in the pod's network namespace, which on the
 * node has nothing of the pod's programs.  Our shim takes such connections there and makes one to
 * us for each: two bytes of port, the highest first; we answer one byte, 0 or the errno why
 * nobody is there, and what follows is a tunnel (lib/tunnel.h).  Only our own shim asks for this
 * listener, on the kernel command line.
 *
 * A server may listen on either localhost, so both are tried.  Making the connection is a job, as
 * a server whose queue is full does not answer; of those there are few at a time.  The rest runs on
 * the io thread.
 */

#include "agent/network/forward.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "lib/listener.h"
#include "lib/log.h"
#include "lib/tunnel.h"
#include "lib/wire.h"

#include "agent/network/move.h"
#include "agent/sandbox.h"

#define CONNECT_MS  5000
#define DIALLED_MAX 8

struct connection {
	struct connection *next;
	struct forward *forward;
	struct job job;
	int carrier; /* to the runtime */
	int plain;   /* to the server; -1: there is none */
	struct tunnel *tunnel;
};

struct forward {
	struct sandbox *sb;
	struct listener listener;
	struct connection *connections;
	unsigned n_connections;
	unsigned n_dialled;
};

/* ---- work threads ---- */

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int open_socket(struct sandbox *sb, int family, struct error *e)
{
	int own = network_enter(sb, e);
	int fd, code;

	if (own < 0)
		return own;
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	code = errno;
	network_leave(own);
	return fd < 0 ? fail(e, code, "cannot make a socket") : fd;
}

static int connect_to(struct sandbox *sb, const union any_address *to, uint64_t deadline_ms,
		      struct error *e)
{
	socklen_t len = to->any.sa_family == AF_INET ? sizeof(to->v4) : sizeof(to->v6);
	_close_ int fd = open_socket(sb, to->any.sa_family, e);
	int code = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, &to->any, len) == 0)
		return TAKE_FD(fd);
	if (errno != EINPROGRESS)
		return fail(e, errno, "cannot connect: %m");
	if (wait_fd(fd, POLLOUT, "connection", deadline_ms, NULL, e) < 0)
		return -e->code;
	len = sizeof(code);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0 || code != 0)
		return fail(e, code ? code : EIO, "cannot connect");
	return TAKE_FD(fd);
}

static int connect_to_localhost(struct sandbox *sb, uint16_t port, struct error *e)
{
	const union any_address v4 = { .v4 = { .sin_family = AF_INET,
					       .sin_port = htons(port),
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	const union any_address v6 = { .v6 = { .sin6_family = AF_INET6,
					       .sin6_port = htons(port),
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
	uint64_t deadline_ms = deadline_in(CONNECT_MS);
	struct error unused;
	int fd = connect_to(sb, &v4, deadline_ms, e);

	/* Why the first fails is the better reason. */
	return fd == -ECONNREFUSED ? connect_to(sb, &v6, deadline_ms, &unused) : fd;
}

/* Both are there at once, as the peer says them first. */
static int read_port(int fd, uint16_t *ret_port, struct error *e)
{
	uint64_t deadline_ms = deadline_in(CONNECT_MS);
	uint8_t bytes[2];

	for (size_t n = 0; n < sizeof(bytes);) {
		ssize_t got;

		if (wait_fd(fd, POLLIN, "port", deadline_ms, NULL, e) < 0)
			return -e->code;
		got = recv(fd, bytes + n, sizeof(bytes) - n, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return fail(e, got ? errno : ECONNRESET, "the runtime has hung up");
		n += got > 0 ? (size_t)got : 0;
	}
	*ret_port = (uint16_t)((bytes[0] << 8) | bytes[1]);
	return 0;
}

static void dial(struct job *job)
{
	struct connection *c = CONTAINER_OF(job, struct connection, job);
	uint8_t answer = 0;
	uint16_t port = 0;
	struct error e;

	if (read_port(c->carrier, &port, &e) < 0)
		return;
	c->plain = connect_to_localhost(c->forward->sb, port, &e);
	if (c->plain < 0) {
		answer = c->plain < -UINT8_MAX ? EIO : (uint8_t)-c->plain;
		log_debug("port %u is not forwarded: %s", port, strerror(answer));
	}
	if (send(c->carrier, &answer, sizeof(answer), MSG_NOSIGNAL) != 1)
		c->plain = close_fd(c->plain);
}

/* ---- io thread ---- */

static void connection_free(struct connection *c)
{
	struct connection **at = &c->forward->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->forward->n_connections--;
	tunnel_free(c->tunnel);
	(void)close_fd(c->carrier);
	(void)close_fd(c->plain);
	free(c);
}

/* Others wait in the queue of the socket. */
static void look_for_room(struct forward *f)
{
	if (f->n_connections < WIRE_FORWARDS_MAX && f->n_dialled < DIALLED_MAX)
		listener_go_on(&f->listener);
	else
		listener_hold(&f->listener);
}

static void tunnel_ended(void *arg, enum tunnel_end how)
{
	struct connection *c = arg;
	struct forward *f = c->forward;

	(void)how;
	connection_free(c);
	look_for_room(f);
}

static void dialled(struct job *job)
{
	struct connection *c = CONTAINER_OF(job, struct connection, job);
	struct forward *f = c->forward;
	struct error e;

	f->n_dialled--;
	if (c->plain >= 0)
		c->tunnel = tunnel_new(f->sb->loop, TAKE_FD(c->plain), TAKE_FD(c->carrier),
				       tunnel_ended, c, &e);
	if (!c->tunnel)
		connection_free(c);
	look_for_room(f);
}

static void on_accepted(struct listener *l, int own_fd)
{
	struct forward *f = CONTAINER_OF(l, struct forward, listener);
	struct connection *c = xcalloc(1, sizeof(*c));

	*c = (struct connection){ .next = f->connections,
				  .forward = f,
				  .job = { .run = dial, .done = dialled },
				  .carrier = own_fd,
				  .plain = -1 };
	f->connections = c;
	f->n_connections++;
	f->n_dialled++;
	look_for_room(f);
	work_submit_alone(f->sb->pool, &c->job);
}

struct forward *forward_new(struct sandbox *sb, const struct sock_address *address, struct error *e)
{
	struct forward *f = xcalloc(1, sizeof(*f));
	int fd = sock_listen(address, e);

	f->sb = sb;
	f->listener = LISTENER_NONE;
	if (fd >= 0 && listener_open(&f->listener, sb->loop, fd, on_accepted, e) >= 0)
		return f;
	free(f);
	return NULL;
}

void forward_free(struct forward *own_forward)
{
	struct forward *f = own_forward;

	if (!f)
		return;
	while (f->connections)
		connection_free(f->connections);
	listener_close(&f->listener);
	free(f);
}
