/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_PARKED_H
#define AGENT_CONTAINER_PARKED_H

#include "lib/rpc/server.h"

/* Calls that wait for something to happen, first come, first served.  Io thread. */
struct parked {
	struct rpc_request *req;
	struct parked *next;
	uint8_t *data; /* what the call brought, owned */
	size_t len;
	size_t done; /* of it */
	size_t max;  /* what the call wants at most */
};

#define PARKED_MAX 64 /* calls for one thing */

/* Parks REQ at the end of LIST and returns RPC_DEFERRED; EBUSY names WHAT when too many wait.
 * *ret_parked (may be NULL) is for the caller's own fields. */
int parked_add(struct parked **list, struct rpc_request *req, const char *what,
	       struct parked **ret_parked, struct error *e);
/* Takes the first one off the list. */
struct parked *parked_take(struct parked **list);
/* Answers the first one, or all, and frees them. */
void parked_reply(struct parked **list, const void *out);
void parked_reply_all(struct parked **list, const void *out);
void parked_fail_all(struct parked **list, int code, const char *why);
/* Takes off those that nobody waits for any more (rpc_is_abandoned()). */
void parked_drop_gone(struct parked **list);
/* Frees without an answer: the server has freed the requests. */
void parked_drop_all(struct parked **list);

#endif
