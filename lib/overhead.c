/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overhead - the numbers.
 *
 * Measured with a guest of 256 MiB at rest: 50 MiB of its pages touched, and of an emulating QEMU
 * 68 MiB of its own, 76 after some work; both virtiofsd 5, vhost-device-vsock 3, the shim 1.  The
 * numbers leave room for tables that grow with the work, and for what a kernel takes at its start
 * from a guest's memory.  With KVM (in the machine of the tests) QEMU has 32 MiB of its own, four
 * virtiofsd 9, the shim 1.
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
