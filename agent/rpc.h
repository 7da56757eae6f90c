/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include "lib/rpc/server.h"

struct sandbox;

/* A server that answers grpc.AgentService and grpc.Health for SB; SB must outlive it. */
struct rpc_server *agent_server_new(struct sandbox *sb, struct error *e);

/* The methods[] table, for tests. */
const struct rpc_method *agent_methods(size_t *ret_n);

#endif
