/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_TTRPC_H
#define LIB_RPC_TTRPC_H

#include "lib/buf.h"
#include "lib/wire.h"

/*
 * ttRPC frames (containerd/ttrpc PROTOCOL.md): 10 bytes of header, then data.
 *   0  4  length of the data, big-endian      8  1  message type
 *   4  4  stream id, big-endian               9  1  flags
 */

#define TTRPC_HEADER 10

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };

enum ttrpc_flag { TTRPC_REMOTE_CLOSED = 1, TTRPC_REMOTE_OPEN = 2, TTRPC_NO_DATA = 4 };

struct ttrpc_frame {
	uint32_t len; /* of the data */
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
	const uint8_t *data; /* inside the buffer it was parsed from */
};

/* Finds the first frame in IN without consuming it.  Returns 1 and fills *ret_frame when it is
 * complete, 0 when more bytes are needed, -EMSGSIZE when its length is over WIRE_FRAME_MAX (the
 * header fields of *ret_frame are then filled so that the sender can be answered and LEN skipped),
 * -EPROTO when it cannot be a frame. */
int ttrpc_parse(const struct buf *in, struct ttrpc_frame *ret_frame, struct error *e);

/* The number of a client's next stream, 1, 3, 5, ...; *LAST is 0 at first.  0 when there is none
 * left: a server takes no number twice. */
uint32_t ttrpc_take_stream(uint32_t *last);

/* Bytes to come of the first frame in IN; 1 where its length is not known yet or it is whole. */
size_t ttrpc_missing(const struct buf *in);
/* The header of a frame with LEN bytes of data. */
void ttrpc_put_header(uint8_t room[TTRPC_HEADER], uint32_t stream, enum ttrpc_type type,
		      uint8_t flags, uint32_t len);
/* Appends header and data. */
int ttrpc_add(struct buf *out, uint32_t stream, enum ttrpc_type type, uint8_t flags,
	      const void *data, size_t len, struct error *e);

#endif
