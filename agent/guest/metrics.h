/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_METRICS_H
#define AGENT_GUEST_METRICS_H

#include "lib/rpc/server.h"

/* Prometheus text of the guest and of this process as seen below PROC ("/proc" except in tests),
 * which is asked for the SCRAPES-th time.  What cannot be read is left out.  Caller frees.  Work
 * thread. */
char *metrics_text(const char *proc, uint64_t scrapes);

rpc_handler metrics_rpc_get;

#endif
