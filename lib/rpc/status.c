/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - google.rpc.Code, errno and words: one table.
 *
 * Any thread.
 */
#include "lib/rpc/status.h"

#include <assert.h>

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
	{ RPC_RESOURCE_EXHAUSTED, ENOBUFS },
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

bool rpc_may_pass(int code)
{
	enum rpc_status status = rpc_status_of(code);

	return status == RPC_UNAVAILABLE || status == RPC_RESOURCE_EXHAUSTED ||
	       status == RPC_DEADLINE_EXCEEDED;
}

static const char *const texts[] = {
	[RPC_OK] = "done",
	[RPC_CANCELLED] = "cancelled",
	[RPC_UNKNOWN] = "failed",
	[RPC_INVALID_ARGUMENT] = "invalid argument",
	[RPC_DEADLINE_EXCEEDED] = "deadline exceeded",
	[RPC_NOT_FOUND] = "not found",
	[RPC_ALREADY_EXISTS] = "exists already",
	[RPC_PERMISSION_DENIED] = "permission denied",
	[RPC_RESOURCE_EXHAUSTED] = "too much for the server",
	[RPC_FAILED_PRECONDITION] = "not in this state",
	[RPC_ABORTED] = "aborted",
	[RPC_OUT_OF_RANGE] = "out of range",
	[RPC_UNIMPLEMENTED] = "not implemented",
	[RPC_INTERNAL] = "internal error",
	[RPC_UNAVAILABLE] = "unavailable",
	[RPC_DATA_LOSS] = "data loss",
	[RPC_UNAUTHENTICATED] = "not authenticated",
};
static_assert(ARRAY_SIZE(texts) == N_RPC_STATUS, "a text per status");

const char *rpc_status_text(int status)
{
	return status >= 0 && status < N_RPC_STATUS ? texts[status] : "an unknown status";
}
