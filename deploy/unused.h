/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_UNUSED_H
#define DEPLOY_UNUSED_H

#include "lib/host/live.h"

/* How long removing waits for what uses the installation. */
struct unused {
	/* Adds what uses it now to *l. */
	int (*look)(const void *arg, struct live *l, struct error *e);
	const void *arg;
	uint64_t wait_ms;    /* for everything to be gone */
	uint64_t running_ms; /* while something runs: it may be about to end */
	uint64_t poll_ms;
	const struct cancel *cancel;
};

/* 0 once nothing uses it; EBUSY names what still does and says what to do.  An answer that
 * containerd owes is waited for like anything else. */
int unused_wait(const struct unused *u, struct error *e);

/* Fills *e with what *l says. */
int unused_fail(const struct live *l, struct error *e);

#endif
