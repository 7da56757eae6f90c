/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - frames in, bytes out, on one non-blocking stream socket.
 *
 * A peer that does not read is not read from: above WIRE_OUT_HIGH bytes of output waiting no frame
 * is taken any more, so it cannot make us hold more than its requests under way produce.  Whatever
 * goes wrong ends the stream through one place, the end of ready(), so that no owner is freed
 * below a function that still uses it.  Io thread.
 */

#include "lib/rpc/conn.h"

#include <fcntl.h>
#include <sys/socket.h>

#define READ_MIN  BUF_KEPT
#define LOWAT_MAX (64 * KIB)
#define IN_MAX    (TTRPC_HEADER + WIRE_FRAME_MAX + WIRE_READ_MAX)

static bool is_congested(const struct conn *conn)
{
	return conn->out.len > WIRE_OUT_HIGH;
}

/* A stalled stream waits for room even if there is nothing more to write: frames that came already
 * are no event. */
static void watch(struct conn *conn)
{
	bool wants_room = conn->out.len || conn->is_stalled;
	uint32_t events = (is_congested(conn) ? 0u : (uint32_t)EPOLLIN) |
			  (wants_room ? (uint32_t)EPOLLOUT : 0u);

	if (events == conn->events)
		return;
	conn->events = events;
	loop_mod(conn->loop, &conn->io, events);
}

static void send_some(struct conn *conn)
{
	struct error e;
	ssize_t n;

	while (conn->out.len) {
		n = buf_send(&conn->out, conn->io.fd, &e);
		if (n > 0)
			continue;
		/* Ends the stream for our own next read, where that is handled. */
		if (n != -EAGAIN) {
			(void)shutdown(conn->io.fd, SHUT_RDWR);
			buf_consume(&conn->out, conn->out.len);
		}
		return;
	}
}

void conn_flush(struct conn *conn)
{
	if (conn->io.fd < 0)
		return;
	send_some(conn);
	watch(conn);
}

/* Returns what the socket has taken of header and data; a failure shows when it is tried again. */
static size_t send_frame(struct conn *conn, uint8_t *header, const uint8_t *data, size_t len)
{
	struct iovec parts[] = { { header, TTRPC_HEADER }, { (void *)(uintptr_t)data, len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	ssize_t n;

	if (conn->out.len || conn->io.fd < 0)
		return 0;
	do
		n = sendmsg(conn->io.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

int conn_send(struct conn *conn, uint32_t stream, enum ttrpc_type type, const uint8_t *data,
	      size_t len, struct error *e)
{
	uint8_t header[TTRPC_HEADER];
	size_t sent;
	int r;

	if (len > WIRE_FRAME_MAX || TTRPC_HEADER + len > conn->out.max - conn->out.len)
		return fail(e, EMSGSIZE, "no room for a message of %zu bytes", len);
	ttrpc_put_header(header, stream, type, 0, (uint32_t)len);
	sent = send_frame(conn, header, data, len);
	if (sent < TTRPC_HEADER) {
		r = buf_add(&conn->out, header + sent, TTRPC_HEADER - sent, e);
		sent = 0;
	} else {
		r = 0;
		sent -= TTRPC_HEADER;
	}
	if (r >= 0)
		r = buf_add(&conn->out, data + sent, len - sent, e);
	conn_flush(conn);
	return r;
}

static void skip_some(struct conn *conn)
{
	size_t n = min_size(conn->skip, conn->in.len);

	conn->skip -= n;
	buf_consume(&conn->in, n);
}

/* Returns 1 when a frame was taken, 0 when there is none, or why the stream must end. */
static int take_frame(struct conn *conn, struct error *e)
{
	struct ttrpc_frame frame;
	int r;

	skip_some(conn);
	r = ttrpc_parse(&conn->in, &frame, e);
	if (r == -EMSGSIZE) {
		conn->ops->oversized(conn, &frame, e);
		conn->skip = (size_t)frame.len + TTRPC_HEADER;
		return 1;
	}
	if (r <= 0)
		return r;
	conn->ops->frame(conn, &frame);
	buf_consume(&conn->in, TTRPC_HEADER + (size_t)frame.len);
	return 1;
}

/* A peer's bytes may come in pieces of a few KiB: we are woken when a frame can be whole, or so
 * much is there that it pays to take it. */
static void expect_bytes(struct conn *conn)
{
	int n = conn->skip ? 1 : (int)min_size(ttrpc_missing(&conn->in), LOWAT_MAX);

	if (n == conn->lowat)
		return;
	conn->lowat = n;
	(void)setsockopt(conn->io.fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n));
}

/* How much to read: enough for the rest of a long frame in few calls, little when idle. */
static size_t read_size(const struct conn *conn)
{
	size_t some = max_size((size_t)conn->lowat, READ_MIN);

	return min_size(max_size(conn->in.len, some), WIRE_READ_MAX);
}

static int receive(struct conn *conn, struct error *e)
{
	ssize_t n;

	if (is_congested(conn))
		return 0;
	n = buf_read(&conn->in, conn->io.fd, read_size(conn), e);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		return fail(e, ECONNRESET, "peer closed the connection");
	return n < 0 ? (int)n : 0;
}

static void ready(struct io *io, uint32_t events)
{
	struct conn *conn = CONTAINER_OF(io, struct conn, io);
	struct error e;
	int r = 0;

	send_some(conn);
	if (events & (uint32_t)(EPOLLIN | EPOLLHUP | EPOLLERR))
		r = receive(conn, &e);
	if (r >= 0)
		r = 1;
	while (r > 0 && !is_congested(conn)) {
		r = take_frame(conn, &e);
		send_some(conn);
	}
	conn->is_stalled = r > 0;
	if (r < 0) {
		conn->ops->ended(conn, &e);
		return;
	}
	expect_bytes(conn);
	watch(conn);
}

int conn_open(struct conn *conn, struct loop *loop, int own_fd, const struct conn_ops *ops,
	      struct error *e)
{
	int flags = fcntl(own_fd, F_GETFL);
	int r;

	conn->loop = loop;
	conn->ops = ops;
	conn->io = (struct io){ .fd = own_fd, .ready = ready };
	conn->events = EPOLLIN;
	conn->skip = 0;
	conn->lowat = 1;
	conn->is_stalled = false;
	buf_init(&conn->in, IN_MAX);
	buf_init(&conn->out, WIRE_OUT_MAX);
	if (flags < 0 || fcntl(own_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		r = fail(e, errno, "cannot make a connection non-blocking: %m");
	else
		r = loop_add(loop, &conn->io, conn->events, e);
	if (r < 0)
		conn->io.fd = close_fd(own_fd);
	return r;
}

void conn_close(struct conn *conn)
{
	loop_del(conn->loop, &conn->io);
	conn->io.fd = close_fd(conn->io.fd);
	buf_done(&conn->in);
	buf_done(&conn->out);
}
