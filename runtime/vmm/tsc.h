/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_TSC_H
#define RUNTIME_VMM_TSC_H

#include <stdint.h>

/*
 * How fast this machine's time stamp counter runs, which an emulator hands to its guest as it is.
 */

/* The counter at a moment, and the moment by CLOCK_MONOTONIC. */
struct tsc_mark {
	uint64_t ticks, ns;
};

struct tsc_mark tsc_mark(void);

/* In kHz, right to some parts in 100,000, from SINCE until now; waits where that is less than 5 ms.
 * 0 where it cannot be: no counter runs so.  Any thread. */
uint64_t tsc_khz(struct tsc_mark since);

#endif
