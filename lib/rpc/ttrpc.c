/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc - the frames of ttRPC and the status codes in them.
 *
 * Parsing never allocates and never trusts the length: a frame that is too long is told apart from
 * bytes that are no frame at all, because only the first can be answered and skipped.  Any thread.
 */

#include "lib/rpc/ttrpc.h"

#include <inttypes.h>
#include <string.h>

#include "lib/error.h"

/* In each direction the first row that fits counts. */
static const struct {
	enum rpc_status status;
	int code;
} codes[] = {
	{ RPC_CANCELLED, ECANCELED },
	{ RPC_INVALID_ARGUMENT, EINVAL },
	{ RPC_INVALID_ARGUMENT, ENAMETOOLONG },
	{ RPC_INVALID_ARGUMENT, ENOTDIR },
	{ RPC_INVALID_ARGUMENT, ELOOP },
	{ RPC_DEADLINE_EXCEEDED, ETIMEDOUT },
	{ RPC_NOT_FOUND, ENOENT },
	{ RPC_NOT_FOUND, ESRCH },
	{ RPC_NOT_FOUND, ENODEV },
	{ RPC_NOT_FOUND, ENXIO },
	{ RPC_ALREADY_EXISTS, EEXIST },
	{ RPC_PERMISSION_DENIED, EACCES },
	{ RPC_PERMISSION_DENIED, EPERM },
	{ RPC_PERMISSION_DENIED, EROFS },
	{ RPC_PERMISSION_DENIED, EXDEV },
	{ RPC_RESOURCE_EXHAUSTED, ENOSPC },
	{ RPC_RESOURCE_EXHAUSTED, ENOMEM },
	{ RPC_RESOURCE_EXHAUSTED, EMFILE },
	{ RPC_RESOURCE_EXHAUSTED, ENFILE },
	{ RPC_RESOURCE_EXHAUSTED, EDQUOT },
	{ RPC_RESOURCE_EXHAUSTED, EMSGSIZE },
	{ RPC_RESOURCE_EXHAUSTED, EFBIG },
	{ RPC_RESOURCE_EXHAUSTED, E2BIG },
	{ RPC_FAILED_PRECONDITION, EBUSY },
	{ RPC_FAILED_PRECONDITION, ENOTEMPTY },
	{ RPC_FAILED_PRECONDITION, EISDIR },
	{ RPC_ABORTED, ECONNABORTED },
	{ RPC_ABORTED, EINTR },
	{ RPC_OUT_OF_RANGE, ERANGE },
	{ RPC_OUT_OF_RANGE, EDOM },
	{ RPC_UNIMPLEMENTED, ENOSYS },
	{ RPC_UNIMPLEMENTED, EOPNOTSUPP },
	{ RPC_INTERNAL, EIO },
	{ RPC_UNAVAILABLE, ECONNREFUSED },
	{ RPC_UNAVAILABLE, ECONNRESET },
	{ RPC_UNAVAILABLE, ENOTCONN },
	{ RPC_UNAVAILABLE, EPIPE },
	{ RPC_UNAVAILABLE, EAGAIN },
	{ RPC_UNAVAILABLE, ENOTTY },
	{ RPC_DATA_LOSS, EBADMSG },
	{ RPC_DATA_LOSS, EPROTO },
	{ RPC_UNAUTHENTICATED, ENOKEY },
};

enum rpc_status rpc_status_of(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].status;
	return code ? RPC_UNKNOWN : RPC_OK;
}

int rpc_errno_of(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if ((int)codes[i].status == status)
			return codes[i].code;
	return status == RPC_OK ? 0 : EREMOTEIO;
}

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
	if (frame.len > TTRPC_DATA_MAX) {
		*ret_frame = frame;
		return fail(e, EMSGSIZE,
			    "message of %" PRIu32 " bytes exceeds the limit of %" PRIu64, frame.len,
			    TTRPC_DATA_MAX);
	}
	if (in->len - TTRPC_HEADER < frame.len)
		return 0;
	*ret_frame = frame;
	return 1;
}

int ttrpc_add(struct buf *out, uint32_t stream, enum ttrpc_type type, uint8_t flags,
	      const void *data, size_t len, struct error *e)
{
	uint8_t *room = NULL;
	int r;

	if (len > TTRPC_DATA_MAX)
		return fail(e, EMSGSIZE, "message of %zu bytes exceeds the limit of %" PRIu64, len,
			    TTRPC_DATA_MAX);
	r = buf_reserve(out, TTRPC_HEADER + len, &room, e);
	if (r < 0)
		return r;
	put_u32(room, (uint32_t)len);
	put_u32(room + 4, stream);
	room[8] = (uint8_t)type;
	room[9] = flags;
	if (len)
		memcpy(room + TTRPC_HEADER, data, len);
	buf_grew(out, TTRPC_HEADER + len);
	return 0;
}
