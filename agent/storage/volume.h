/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_VOLUME_H
#define AGENT_STORAGE_VOLUME_H

#include "lib/rpc/server.h"

/* How full a volume of the sandbox is, and its file system made as large as asked for.  Work
 * threads. */
rpc_handler volume_rpc_stats;
rpc_handler volume_rpc_resize;

#endif
