/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bytes in transit.
 *
 * Appending moves the bytes to the front only when the room at the end does not do, so a queue that
 * is drained as fast as it is filled never copies.  An emptied buffer above a page is given back:
 * most of a daemon's life its queues are empty.  The owner's thread.
 */

#include "lib/buf.h"

#include <string.h>
#include <sys/socket.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

/* The allocation begins where data was before anything was consumed: cap counts from there. */
static uint8_t *start_of(const struct buf *b, size_t *ret_gap)
{
	*ret_gap = b->head;
	return b->data ? b->data - b->head : NULL;
}

void buf_done(struct buf *b)
{
	size_t gap;

	free(start_of(b, &gap));
	*b = (struct buf){ .max = b->max };
}

static void grow(struct buf *b, size_t need)
{
	size_t gap;
	uint8_t *start = start_of(b, &gap);
	size_t cap = max_size(b->cap, 256);

	if (gap && b->len)
		memmove(start, b->data, b->len);
	while (cap < need)
		cap *= 2;
	if (cap > b->cap)
		start = xrealloc(start, cap, 1);
	b->data = start;
	b->head = 0;
	b->cap = cap;
}

int buf_reserve(struct buf *b, size_t len, uint8_t **ret_room, struct error *e)
{
	if (len > b->max - b->len)
		return fail(e, EMSGSIZE, "buffer of at most %zu bytes is full", b->max);
	if (!b->data || b->head + b->len + len > b->cap)
		grow(b, b->len + len);
	*ret_room = b->data + b->len;
	return 0;
}

void buf_grew(struct buf *b, size_t len)
{
	b->len += len;
}

int buf_add(struct buf *b, const void *bytes, size_t len, struct error *e)
{
	uint8_t *room;
	int r = buf_reserve(b, len, &room, e);

	if (r < 0)
		return r;
	if (len)
		memcpy(room, bytes, len);
	buf_grew(b, len);
	return 0;
}

void buf_consume(struct buf *b, size_t len)
{
	if (!len)
		return;
	b->data += len;
	b->head += len;
	b->len -= len;
	if (b->len)
		return;
	if (b->cap > BUF_KEPT) {
		buf_done(b);
	} else if (b->data) {
		b->data -= b->head;
		b->head = 0;
	}
}

ssize_t buf_read(struct buf *b, int fd, size_t max, struct error *e)
{
	uint8_t *room;
	ssize_t n;
	int r;

	if (b->len == b->max)
		return fail(e, EMSGSIZE, "buffer of at most %zu bytes is full", b->max);
	max = min_size(max, b->max - b->len);
	r = buf_reserve(b, max, &room, e);
	if (r < 0)
		return r;
	do
		n = read(fd, room, max);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "cannot read: %m");
	buf_grew(b, (size_t)n);
	return n;
}

ssize_t buf_write(struct buf *b, int fd, struct error *e)
{
	ssize_t n;

	if (!b->len)
		return 0;
	do
		n = write(fd, b->data, b->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "cannot write: %m");
	buf_consume(b, (size_t)n);
	return n;
}

ssize_t buf_send(struct buf *b, int fd, struct error *e)
{
	ssize_t n;

	if (!b->len)
		return 0;
	do
		n = send(fd, b->data, b->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "cannot send: %m");
	buf_consume(b, (size_t)n);
	return n;
}
