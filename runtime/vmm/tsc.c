/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tsc - how fast this machine's time stamp counter runs.
 *
 * A guest under emulation measures its counter while it boots, by a timer of 10 ms that is emulated
 * as well.  Where the emulator does not run just then it may count a part of that time only: its
 * clock is eight times too fast ever after, and every deadline passes early (2 of 70 boots at a
 * load of 28).  The kernel takes the number from its command line instead (tsc_early_khz of
 * Documentation/admin-guide/kernel-parameters.txt); the counter is this machine's own.
 *
 * A mark is one reading of the counter between two of the clock, the closest of some, so that it
 * does not matter whether this thread loses its processor.  Any thread.
 */
#include "runtime/vmm/tsc.h"

#include <time.h>
#include <x86intrin.h>

#include "lib/wait.h"

#define TRIES     8
#define APART_NS  UINT64_C(5000000)
#define LEAST_KHZ UINT64_C(100000)
#define MOST_KHZ  UINT64_C(20000000)
#define NS_PER_MS UINT64_C(1000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

struct tsc_mark tsc_mark(void)
{
	struct tsc_mark mark = { 0 };
	uint64_t closest = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = now_ns(), ticks = __rdtsc(), after = now_ns();

		if (after - before >= closest)
			continue;
		closest = after - before;
		mark = (struct tsc_mark){ .ticks = ticks, .ns = before + closest / 2 };
	}
	return mark;
}

uint64_t tsc_khz(struct tsc_mark since)
{
	uint64_t passed = now_ns() - since.ns, khz;
	struct tsc_mark now;
	struct error e;

	if (passed < APART_NS)
		(void)wait_pause((APART_NS - passed) / NS_PER_MS + 1, "the counter", NO_DEADLINE,
				 NULL, &e);
	now = tsc_mark();
	if (now.ticks <= since.ticks || now.ns <= since.ns)
		return 0;
	khz = (uint64_t)((double)(now.ticks - since.ticks) * (double)NS_PER_MS /
			 (double)(now.ns - since.ns));
	return khz >= LEAST_KHZ && khz <= MOST_KHZ ? khz : 0;
}
