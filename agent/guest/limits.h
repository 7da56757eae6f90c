/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_LIMITS_H
#define AGENT_GUEST_LIMITS_H

#include "lib/error.h"

/* limits - how much of everything the guest's kernel lets programs have.  Any thread. */

/* Sets what does not depend on anything, below the folder PROC_SYS ("/proc/sys").  A knob that the
 * kernel does not have is skipped; one that refuses is logged. */
void limits_set(const char *proc_sys);
/* Sets what the kernel counted from the memory it was born with, for MEMORY_KIB of it. */
void limits_follow_memory(const char *proc_sys, uint64_t memory_kib);
/* How much there is now, as the file MEMINFO ("/proc/meminfo") says. */
int limits_memory_kib(const char *meminfo, uint64_t *ret_kib, struct error *e);

/* Gives this process and its children what those of a service on a host have. */
void limits_raise_own(void);

#endif
