/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overhead - the numbers.
 *
 * Each is what was measured, rounded up to leave room for what was not.  The guest's share is the
 * same for both: the same kernel runs in it.
 */
#include "lib/overhead.h"

#define GUEST_MIB 96

const struct overhead overhead_kvm = { .host_mib = 64, .guest_mib = GUEST_MIB, .cpu_milli = 50 };

/* An emulator keeps translated code, and tables of where the guest's pages are. */
const struct overhead overhead_emulation = {
	.host_mib = 96 + OVERHEAD_CODE_MIB,
	.guest_mib = GUEST_MIB,
	.cpu_milli = 100,
};
