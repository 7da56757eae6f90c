/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_NAMES_H
#define AGENT_NETWORK_NAMES_H

#include "lib/loop.h"
#include "lib/rpc/server.h"

struct names;

struct names *names_new(struct loop *loop);
void names_free(struct names *n);

/* Answers the next question that a program sends to PORT of ADDRESS, where this listens from the
 * first call on.  EBUSY if somebody waits already. */
int names_wait(struct names *n, struct rpc_request *req, const char *address, uint16_t port,
	       struct error *e);
/* The answer to question ID.  ENOENT for one that was never asked or long ago. */
int names_answer(struct names *n, uint64_t id, const void *data, size_t len, struct error *e);
/* Fails the call that waits. */
void names_cancel(struct names *n);

rpc_handler names_rpc_get;
rpc_handler names_rpc_answer;

#endif
