/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_OUTPUT_H
#define RUNTIME_VMM_OUTPUT_H

#include "runtime/vmm/vmm.h"

/* Reads what the processes of a VM say, and the guest's console, into the log: a process whose pipe
 * nobody reads stalls.  Io thread. */
struct vmm_output;

/* VMM must have started and must not be stopped before vmm_output_free(). */
struct vmm_output *vmm_output_new(const struct vmm *vmm, struct loop *loop, struct error *e);
void vmm_output_free(struct vmm_output *out);

#endif
