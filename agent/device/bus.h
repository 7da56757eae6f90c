/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DEVICE_BUS_H
#define AGENT_DEVICE_BUS_H

#include "lib/address.h"
#include "lib/str.h"
#include "lib/wait.h"

struct sandbox;

/* Both wait for the device at ADDRESS to appear in the guest (agent.hotplug_timeout at most, sooner
 * when DEADLINE_MS or CANCEL says so).  Work thread. */

/* Returns the node of a block device ("/dev/vda"), caller frees. */
int bus_wait_block(struct sandbox *sb, const struct address *address, uint64_t deadline_ms,
		   const struct cancel *cancel, char **ret_node, struct error *e);
/* Returns the name of a network device, caller frees. */
int bus_wait_net(struct sandbox *sb, const struct address *address, uint64_t deadline_ms,
		 const struct cancel *cancel, char **ret_name, struct error *e);

/* "SS[.F]/SS[.F]..." (hexadecimal slots on the way from the root bus to a device) to the device's
 * directory below /sys/devices, walking the buses as they are now.  SYSFS is "/sys" except in
 * tests.  ENOENT while a part is missing.  Caller frees. */
int pci_path_resolve(const char *sysfs, const char *pci_path, char **ret_dir, struct error *e);

#endif
