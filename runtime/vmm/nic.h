/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_NIC_H
#define RUNTIME_VMM_NIC_H

#include "runtime/vmm/driver.h"

enum nic_mover { NIC_BY_VMM, NIC_BY_KERNEL };

/* Checks NIC, duplicates its descriptors, and opens one of vhost-net per queue for NIC_BY_KERNEL
 * where the host has it. */
int nic_copy(const struct vmm_nic *nic, enum nic_mover mover, struct vmm_own_nic *ret,
	     struct error *e);
void nic_done(struct vmm_own_nic *nic);

/* An id that may stand in a VMM's options: 1 to 24 characters of [a-z0-9-]. */
int vmm_check_id(const char *id, const char *what, struct error *e);

#endif
