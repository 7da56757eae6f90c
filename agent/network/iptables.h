/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_IPTABLES_H
#define AGENT_NETWORK_IPTABLES_H

#include "lib/rpc/server.h"

/* Where the guest has the program NAME of iptables, which carries its name or is
 * xtables-legacy-multi; NULL if it has none.  ROOT is "" but for tests.  Caller frees. */
char *iptables_program(const char *root, const char *name);

rpc_handler iptables_rpc_get;
rpc_handler iptables_rpc_set;

#endif
