/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_BACKOFF_H
#define LIB_KUBE_BACKOFF_H

#include "lib/base.h"

/* Pauses between tries: "full jitter", a random time below a bound that doubles up to a cap, so
 * that a thousand nodes that lost the same API server do not come back in step. */
struct backoff {
	uint64_t first_ms;
	uint64_t cap_ms;
	unsigned tries;
};

/* The pause before the next try. */
uint64_t backoff_next(struct backoff *b);
/* The same, but at least the ASKED_MS of the other side; -1: it did not ask. */
uint64_t backoff_asked(struct backoff *b, int64_t asked_ms);
/* After a success. */
void backoff_reset(struct backoff *b);
/* Uniform in [0, BELOW); 0 for 0. */
uint64_t random_below(uint64_t below);

#endif
