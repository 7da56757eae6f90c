/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_CONN_H
#define LIB_RPC_CONN_H

#include "lib/loop.h"
#include "lib/rpc/ttrpc.h"

/*
 * One end of a stream of frames, for server and client.  Embedded in its owner, io thread only.
 */

struct conn;

struct conn_ops {
	/* A frame has arrived; its data stay valid during the call. */
	void (*frame)(struct conn *conn, const struct ttrpc_frame *frame);
	/* A frame whose data are too long has begun; they are skipped.  *e says so. */
	void (*oversized)(struct conn *conn, const struct ttrpc_frame *frame,
			  const struct error *e);
	/* The stream has ended: nothing follows, and the owner may free CONN in this call. */
	void (*ended)(struct conn *conn, const struct error *e);
};

struct conn {
	struct loop *loop;
	const struct conn_ops *ops;
	struct io io;
	struct buf in;
	struct buf out;
	size_t skip;     /* bytes to come of a frame that is too long */
	int lowat;       /* bytes of input that wake us */
	bool is_stalled; /* frames may wait in `in` for room in `out` */
	uint32_t events; /* that the loop watches */
};

/* Takes OWN_FD, also when it fails. */
int conn_open(struct conn *conn, struct loop *loop, int own_fd, const struct conn_ops *ops,
	      struct error *e);
/* Without a call of ended(). */
void conn_close(struct conn *conn);

/* Sends a frame: at once what the socket takes, from where it lies; the rest waits in `out`.
 * EMSGSIZE, with nothing sent, if it is too long for a frame or for `out`. */
int conn_send(struct conn *conn, uint32_t stream, enum ttrpc_type type, const uint8_t *data,
	      size_t len, struct error *e);
/* Writes what the socket takes of what the owner has added to `out`; the rest follows when there is
 * room.  A failure comes through ended(), later. */
void conn_flush(struct conn *conn);

#endif
