/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_HEALTH_H
#define RUNTIME_POD_HEALTH_H

#include "lib/rpc/client.h"

/* Asks the agent behind RPC from time to time whether it lives. */
struct health;

struct health_params {
	struct loop *loop;
	struct rpc_client *rpc;
	uint64_t every_ms;
	uint64_t timeout_ms; /* for one answer */
	/* Called once, when one did not come in time. */
	void (*silent)(void *arg, const struct error *why);
	void *arg;
};

/* Io thread. */
struct health *health_new(const struct health_params *params, struct error *e);
/* Before the client; not from SILENT.  Io thread. */
void health_free(struct health *own_health);

#endif
