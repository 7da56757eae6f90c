/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_NETWORK_H
#define AGENT_NETWORK_NETWORK_H

#include "lib/rpc/server.h"

/* Brings the interface NAME up. */
int network_up(const char *name, struct error *e);

rpc_handler network_rpc_update_interface;
rpc_handler network_rpc_update_routes;
rpc_handler network_rpc_list_interfaces;
rpc_handler network_rpc_list_routes;
rpc_handler network_rpc_add_neighbors;

#endif
