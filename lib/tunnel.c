/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel - carry a stream socket inside another one.
 *
 * Each direction holds at most BUFFER bytes, and a side that does not take them stops the other.
 * The peer of the carrier may be a guest: a piece is at most as long as two bytes can say, and is
 * handed on as it comes, so it has no say over memory.  Io thread.
 */

#include "lib/tunnel.h"

#include <sys/socket.h>

#include "lib/buf.h"

#define HEADER 2
#define CHUNK  (32 * KIB)
#define BUFFER (128 * KIB)

struct side {
	struct io io;
	struct buf out; /* to be sent to it */
	uint32_t events;
	bool is_added;
};

/* That it has ended is told of a socket as long as anybody listens, so one that is neither read nor
 * written now is listened to only where its end means something. */
enum listen { LISTEN_ANYHOW, LISTEN_IF_WANTED };

struct tunnel {
	struct loop *loop;
	struct side plain;
	struct side carrier;
	struct buf in;     /* of the carrier, before it is taken apart */
	size_t left;       /* of the piece that comes */
	bool has_sent_end; /* the plain peer's end, in a piece */
	bool has_end;      /* the other's has come */
	bool has_shut;     /* and was passed on */
	bool is_alone;     /* nothing more can come or go, only be delivered */
	bool is_over;
	bool is_broken;
	void (*ended)(void *arg, enum tunnel_end how);
	void *arg;
};

static bool has_room(const struct buf *b)
{
	return b->len + HEADER + CHUNK <= BUFFER;
}

static int look_for(struct tunnel *t, struct side *s, uint32_t events, enum listen listen,
		    struct error *e)
{
	if (events == 0 && listen == LISTEN_IF_WANTED) {
		if (s->is_added)
			loop_del(t->loop, &s->io);
		s->is_added = false;
		return 0;
	}
	if (s->is_added && s->events != events)
		loop_mod(t->loop, &s->io, events);
	if (!s->is_added && loop_add(t->loop, &s->io, events, e) < 0)
		return -e->code;
	s->is_added = true;
	s->events = events;
	return 0;
}

/* A side is read while the other takes bytes, and written while it has some. */
static int watch(struct tunnel *t, struct error *e)
{
	uint32_t plain = t->plain.out.len ? EPOLLOUT : 0;
	uint32_t carrier = t->carrier.out.len ? EPOLLOUT : 0;
	bool awaits_nothing = t->has_sent_end && !t->has_shut;
	int r;

	if (!t->has_sent_end && has_room(&t->carrier.out))
		plain |= EPOLLIN;
	if (!t->has_end && has_room(&t->plain.out))
		carrier |= EPOLLIN;
	r = look_for(t, &t->plain, plain, awaits_nothing ? LISTEN_ANYHOW : LISTEN_IF_WANTED, e);
	if (r < 0)
		return r;
	return look_for(t, &t->carrier, carrier,
			t->has_end && !t->is_alone ? LISTEN_ANYHOW : LISTEN_IF_WANTED, e);
}

static int add_header(struct tunnel *t, size_t len, struct error *e)
{
	const uint8_t header[HEADER] = { (uint8_t)(len >> 8), (uint8_t)len };

	return buf_add(&t->carrier.out, header, sizeof(header), e);
}

/* One read, which becomes a piece. */
static int take_plain(struct tunnel *t, struct error *e)
{
	uint8_t *room;
	ssize_t n;
	int r;

	if (t->has_sent_end || !has_room(&t->carrier.out))
		return 0;
	r = buf_reserve(&t->carrier.out, HEADER + CHUNK, &room, e);
	if (r < 0)
		return r;
	n = recv(t->plain.io.fd, room + HEADER, CHUNK, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(e, errno, "cannot receive: %m");
	if (n == 0) {
		t->has_sent_end = true;
		return add_header(t, 0, e);
	}
	room[0] = (uint8_t)(n >> 8);
	room[1] = (uint8_t)n;
	buf_grew(&t->carrier.out, HEADER + (size_t)n);
	return 0;
}

/* What is next of what has come: the beginning of a piece, or some of its bytes.  1 if there may be
 * more, 0 if not. */
static int take_next(struct tunnel *t, struct error *e)
{
	size_t n = t->left < t->in.len ? t->left : t->in.len;

	if (t->has_end && t->in.len > 0)
		return fail(e, EPROTO, "something comes after the end");
	if (t->left > 0) {
		n = n < CHUNK ? n : CHUNK;
		if (buf_add(&t->plain.out, t->in.data, n, e) < 0)
			return -e->code;
		buf_consume(&t->in, n);
		t->left -= n;
		return n > 0;
	}
	if (t->in.len < HEADER)
		return 0;
	t->left = ((size_t)t->in.data[0] << 8) | t->in.data[1];
	t->has_end = t->left == 0;
	buf_consume(&t->in, HEADER);
	return 1;
}

/* As far as there is room. */
static int take_apart(struct tunnel *t, struct error *e)
{
	int r = 1;

	while (r > 0 && has_room(&t->plain.out))
		r = take_next(t, e);
	return r;
}

/* The end of the carrier is an end of both directions, whatever was under way. */
static int take_carrier(struct tunnel *t, struct error *e)
{
	ssize_t n;

	if (t->has_end || !has_room(&t->plain.out))
		return 0;
	n = buf_read(&t->in, t->carrier.io.fd, CHUNK, e);
	if (n == -EAGAIN)
		return 0;
	if (n == 0)
		return fail(e, ECONNRESET, "the carrier has ended");
	return n < 0 ? (int)n : 0;
}

static int give(struct side *s, struct error *e)
{
	ssize_t n = s->out.len ? buf_send(&s->out, s->io.fd, e) : 0;

	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

static int move(struct tunnel *t, struct error *e)
{
	int r = give(&t->plain, e);

	if (r >= 0)
		r = take_apart(t, e);
	if (r >= 0)
		r = give(&t->plain, e);
	if (r >= 0)
		r = give(&t->carrier, e);
	if (r >= 0 && t->has_end && !t->has_shut && t->plain.out.len == 0) {
		t->has_shut = true;
		/* One that has gone meanwhile has nothing more to hear. */
		(void)shutdown(t->plain.io.fd, SHUT_WR);
	}
	return r;
}

static void end(struct tunnel *t, enum tunnel_end how)
{
	struct error unused;

	t->is_over = true;
	t->is_broken = how == TUNNEL_BROKEN;
	(void)look_for(t, &t->plain, 0, LISTEN_IF_WANTED, &unused);
	(void)look_for(t, &t->carrier, 0, LISTEN_IF_WANTED, &unused);
	t->ended(t->arg, how);
}

static void go_on(struct tunnel *t, int r)
{
	struct error e;

	if (r >= 0)
		r = move(t, &e);
	if (r >= 0)
		r = watch(t, &e);
	if (r < 0)
		end(t, TUNNEL_BROKEN);
	else if (t->has_sent_end && t->has_shut && t->carrier.out.len == 0)
		end(t, TUNNEL_OVER);
}

static void on_plain(struct io *io, uint32_t events)
{
	struct side *s = CONTAINER_OF(io, struct side, io);
	struct tunnel *t = CONTAINER_OF(s, struct tunnel, plain);
	bool has_gone = events & EPOLLHUP && t->has_sent_end && !t->has_shut;
	struct error e;

	go_on(t, events & EPOLLERR || has_gone ? -ECONNRESET : take_plain(t, &e));
}

static void on_carrier(struct io *io, uint32_t events)
{
	struct side *s = CONTAINER_OF(io, struct side, io);
	struct tunnel *t = CONTAINER_OF(s, struct tunnel, carrier);
	bool has_gone = events & (EPOLLHUP | EPOLLERR) && t->has_end;
	struct error e;

	/* Who has all and has sent all may go before we have delivered it. */
	t->is_alone = has_gone && t->has_sent_end && t->carrier.out.len == 0;
	go_on(t, has_gone && !t->is_alone ? -ECONNRESET : take_carrier(t, &e));
}

static void side_init(struct side *s, int fd, void (*ready)(struct io *, uint32_t))
{
	s->io = (struct io){ .fd = fd, .ready = ready };
	buf_init(&s->out, BUFFER);
}

struct tunnel *tunnel_new(struct loop *loop, int own_plain, int own_carrier,
			  void (*ended)(void *arg, enum tunnel_end how), void *arg, struct error *e)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));

	*t = (struct tunnel){ .loop = loop, .ended = ended, .arg = arg };
	side_init(&t->plain, own_plain, on_plain);
	side_init(&t->carrier, own_carrier, on_carrier);
	buf_init(&t->in, HEADER + CHUNK);
	if (watch(t, e) >= 0)
		return t;
	tunnel_free(t);
	return NULL;
}

void tunnel_refuse(int own_fd)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(own_fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	(void)close_fd(own_fd);
}

static void side_done(struct tunnel *t, struct side *s)
{
	if (s->is_added)
		loop_del(t->loop, &s->io);
	buf_done(&s->out);
}

void tunnel_free(struct tunnel *own_tunnel)
{
	struct tunnel *t = own_tunnel;

	if (!t)
		return;
	side_done(t, &t->plain);
	side_done(t, &t->carrier);
	buf_done(&t->in);
	/* Nobody shall take a piece for the whole. */
	if (t->is_over && !t->is_broken)
		(void)close_fd(t->plain.io.fd);
	else
		tunnel_refuse(t->plain.io.fd);
	(void)close_fd(t->carrier.io.fd);
	free(t);
}
