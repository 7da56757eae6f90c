/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_OVERHEAD_H
#define LIB_OVERHEAD_H

#include <stdint.h>

/*
 * overhead - what a sandbox takes beside its containers, for each way of running guests.
 *
 * The RuntimeClass books it, so that the pod's cgroup has room for it, and the runtime keeps to it:
 * a VM whose pod has a limit gets no more memory than that leaves beside HOST_MIB.  Measured by
 * tests/bench/memory.sh.
 */

/* Of translated code, which an emulating VMM keeps. */
#define OVERHEAD_CODE_MIB 128

struct overhead {
	unsigned host_mib;  /* VMM, its daemons, the shim, and what the kernel keeps for them */
	unsigned guest_mib; /* the guest's kernel and its agent */
	unsigned cpu_milli;
};

extern const struct overhead overhead_kvm, overhead_emulation;

#endif
