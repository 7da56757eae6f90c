/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_GUEST_H
#define AGENT_GUEST_GUEST_H

#include "lib/rpc/server.h"

/* Puts every processor of SYSFS ("/sys" except in tests) that is off line on line.  *ret_online is
 * how many are on line afterwards. */
int guest_online_cpus(const char *sysfs, unsigned *ret_online, struct error *e);
/* The same for blocks of memory. */
int guest_online_memory(const char *sysfs, unsigned *ret_online, struct error *e);
/* Memory added by the VMM is of no use off line, and nobody may ask for it: puts on line what there
 * is.  The kernel takes its time for each block.  Work thread. */
void guest_take_memory(void);

rpc_handler guest_rpc_details;
rpc_handler guest_rpc_online_cpu_mem;
rpc_handler guest_rpc_mem_hotplug_by_probe;
rpc_handler guest_rpc_reseed_random;

#endif
