/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_ASK_H
#define RUNTIME_SANDBOX_ASK_H

#include "lib/wait.h"
#include "runtime/sandbox/client.h"

/* ask - one call to the agent, with its deadline, for whose answer no thread waits. */

/* Embedded in whoever asks, who fills the first three. */
struct ask {
	struct loop *loop;
	const struct cancel *cancel;
	/* The answer, which is freed after it, or NULL and WHY.  Once for every ask_agent(), never
	 * before that has returned; A may be used again and freed. */
	void (*answered)(struct ask *a, const void *answer, const struct error *why);
	/* Its own. */
	struct rpc_client *rpc;
	enum client_call call;
	struct io late;
	struct loop_task refused;
	struct error error;
};

/* CALL may take as long as the table of calls says, or WAIT_MS if that is not 0.  REQUEST is
 * serialised at once.  Whoever raises the cancel also closes the connection, which ends the call.
 * Io thread. */
void ask_agent(struct ask *a, struct rpc_client *rpc, enum client_call call, const void *request,
	       uint64_t wait_ms);

#endif
