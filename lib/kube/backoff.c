/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff - how long to wait before asking again.
 *
 * Limits: the quality of the random numbers does not matter, only that nodes differ; getrandom(2)
 * needs no seed.  Any thread, one object per owner.
 */
#include "lib/kube/backoff.h"

#include <sys/random.h>

#define DOUBLINGS_MAX 20

uint64_t random_below(uint64_t below)
{
	uint64_t x = 0;

	if (below == 0)
		return 0;
	(void)getrandom(&x, sizeof(x), GRND_NONBLOCK);
	return x % below;
}

uint64_t backoff_next(struct backoff *b)
{
	unsigned doublings = b->tries < DOUBLINGS_MAX ? b->tries : DOUBLINGS_MAX;
	uint64_t bound = min_u64(b->cap_ms, b->first_ms << doublings);

	b->tries++;
	return random_below(bound + 1);
}

uint64_t backoff_asked(struct backoff *b, int64_t asked_ms)
{
	uint64_t own_ms = backoff_next(b);

	return asked_ms >= 0 ? max_u64(own_ms, (uint64_t)asked_ms) : own_ms;
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
