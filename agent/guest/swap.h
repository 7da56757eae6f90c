/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_SWAP_H
#define AGENT_GUEST_SWAP_H

#include "lib/address.h"
#include "lib/rpc/server.h"

/* AddSwap, AddSwapPath of the protocol. */
rpc_handler swap_rpc_add;
rpc_handler swap_rpc_add_path;

/* The disk behind the N SLOTS on the way from the root bus, as AddSwap names it. */
int swap_pci_text(const uint32_t *slots, size_t n, struct address *ret, struct error *e);

#endif
