/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc - the frames of ttRPC.
 *
 * Parsing never allocates and never trusts the length: a frame that is too long is told apart from
 * bytes that are no frame at all, because only the first can be answered and skipped.  Any thread.
 */

#include "lib/rpc/ttrpc.h"

#include <inttypes.h>
#include <string.h>

#include "lib/error.h"

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

int ttrpc_parse(const struct buf *in, struct ttrpc_frame *ret_frame, struct error *e)
{
	struct ttrpc_frame frame;

	/* Another protocol is found out by its first byte, not after megabytes were skipped. */
	if (in->len && in->data[0])
		return fail(e, EPROTO,
			    "peer does not speak ttrpc: a frame cannot begin with 0x%02x",
			    in->data[0]);
	if (in->len < TTRPC_HEADER)
		return 0;
	frame.len = get_u32(in->data);
	frame.stream = get_u32(in->data + 4);
	frame.type = in->data[8];
	frame.flags = in->data[9];
	frame.data = in->data + TTRPC_HEADER;
	if (frame.len > WIRE_FRAME_MAX) {
		*ret_frame = frame;
		return fail(e, EMSGSIZE,
			    "message of %" PRIu32 " bytes exceeds the limit of %" PRIu64, frame.len,
			    WIRE_FRAME_MAX);
	}
	if (in->len - TTRPC_HEADER < frame.len)
		return 0;
	*ret_frame = frame;
	return 1;
}

uint32_t ttrpc_take_stream(uint32_t *last)
{
	if (*last > UINT32_MAX - 2)
		return 0;
	*last += *last ? 2 : 1;
	return *last;
}

size_t ttrpc_missing(const struct buf *in)
{
	size_t all = TTRPC_HEADER + (in->len < TTRPC_HEADER ? 0 : (size_t)get_u32(in->data));

	return in->len >= TTRPC_HEADER && all > in->len ? all - in->len : 1;
}

void ttrpc_put_header(uint8_t room[TTRPC_HEADER], uint32_t stream, enum ttrpc_type type,
		      uint8_t flags, uint32_t len)
{
	put_u32(room, len);
	put_u32(room + 4, stream);
	room[8] = (uint8_t)type;
	room[9] = flags;
}

int ttrpc_add(struct buf *out, uint32_t stream, enum ttrpc_type type, uint8_t flags,
	      const void *data, size_t len, struct error *e)
{
	uint8_t *room = NULL;
	int r;

	if (len > WIRE_FRAME_MAX)
		return fail(e, EMSGSIZE, "message of %zu bytes exceeds the limit of %" PRIu64, len,
			    WIRE_FRAME_MAX);
	r = buf_reserve(out, TTRPC_HEADER + len, &room, e);
	if (r < 0)
		return r;
	ttrpc_put_header(room, stream, type, flags, (uint32_t)len);
	if (len)
		memcpy(room + TTRPC_HEADER, data, len);
	buf_grew(out, TTRPC_HEADER + len);
	return 0;
}
