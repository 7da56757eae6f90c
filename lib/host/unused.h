/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_UNUSED_H
#define LIB_HOST_UNUSED_H

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
	const char *remedy; /* what to do once they have ended: "remove once more" */
};

/* 0 once nothing uses it; EBUSY names what still does and says what to do.  An answer that
 * containerd owes is waited for like anything else. */
int unused_wait(const struct unused *u, struct error *e);

/* Fills *e with what *l says. */
int unused_fail(const struct live *l, const char *remedy, struct error *e);

/* Complete versions in ROOT, but not in KEEP, that no record in RECORDS (live.h) of SCOPE names. */
int unused_versions(const char *root, const char *records, const struct scope *scope,
		    char *const *keep, strv *ret_folders, struct error *e);
/* Removes them, and of them no more than ONLY has, unless it is NULL. */
struct change;
int unused_remove(const char *root, const char *records, const struct scope *scope,
		  char *const *keep, const struct change *only, struct error *e);
/* Those in ALL, but not in KEEP, that nothing in USED names; USED has paths.  For that and the
 * tests. */
void unused_folders(char *const *all, char *const *used, char *const *keep, strv *ret_folders);

#endif
