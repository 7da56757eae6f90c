/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include "lib/error.h"

#define BUF_KEPT 4096 /* bytes; a larger one is given back when it is empty */

/*
 * A queue of bytes with a maximum: append at the end, consume at the front.  The bytes waiting are
 * data[0..len).  Embedded in its owner; buf_init() before use, buf_done() after.
 */
struct buf {
	uint8_t *data;
	size_t len;
	size_t max;
	size_t head; /* private: bytes of the allocation in front of data */
	size_t cap;  /* private: size of the allocation */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
#define _buf_ _cleanup_(buf_done)

/* Appends.  EMSGSIZE if the bytes waiting would exceed the maximum; nothing is appended then. */
int buf_add(struct buf *b, const void *bytes, size_t len, struct error *e);
/* Room for at least LEN more bytes, to be filled by the caller and counted with buf_grew(). */
int buf_reserve(struct buf *b, size_t len, uint8_t **ret_room, struct error *e);
void buf_grew(struct buf *b, size_t len);
/* Forgets LEN bytes at the front. */
void buf_consume(struct buf *b, size_t len);

/* One read(2) of at most MAX bytes appended.  Returns the count, 0 at end of file, -EAGAIN with *e
 * filled when nothing is there. */
ssize_t buf_read(struct buf *b, int fd, size_t max, struct error *e);
/* One write(2) of what is waiting; what was written is consumed.  Returns the count. */
ssize_t buf_write(struct buf *b, int fd, struct error *e);
/* The same on a socket, whatever its mode without waiting: -EAGAIN when there is no room, and a
 * peer that is gone is EPIPE or ECONNRESET, never SIGPIPE. */
ssize_t buf_send(struct buf *b, int fd, struct error *e);

#endif
