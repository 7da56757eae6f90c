/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_RPC_STATUS_H
#define LIB_RPC_STATUS_H

#include <stdbool.h>

/* What ttRPC and gRPC say of a call, as errno and as text: one table for servers and clients of
 * both. */

/* google.rpc.Code */
enum rpc_status {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_PERMISSION_DENIED = 7,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_ABORTED = 10,
	RPC_OUT_OF_RANGE = 11,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
	RPC_DATA_LOSS = 15,
	RPC_UNAUTHENTICATED = 16,
	N_RPC_STATUS,
};

/* EINVAL, ENOENT, EEXIST, EPERM, EACCES, ETIMEDOUT, ECANCELED, ENOSPC, ENOSYS, EBUSY, ...  What is
 * not in the table is RPC_UNKNOWN. */
enum rpc_status rpc_status_of(int code);
/* Back again: a status stands for several errnos, of which this is the one that says no more than
 * it does (ENOBUFS for "too much": no disk need be full).  EREMOTEIO for one that is not known. */
int rpc_errno_of(int status);
/* Whether the call that failed with errno CODE may succeed later, with nothing changed: its server
 * restarts, has too much to do, or took too long. */
bool rpc_may_pass(int code);
/* "not found"; for people, where the peer gives no reason. */
const char *rpc_status_text(int status);

#endif
