/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_TRIAL_H
#define LIB_HOST_TRIAL_H

#include "lib/str.h"
#include "lib/wait.h"

/*
 * A sandbox without containers, run through the engine's CRI service as the kubelet asks for one.
 * Only this proves a handler: what the engine lists it may not run (CRI-O after SIGHUP), and what
 * it runs may be somebody else's (a table of the same name that was merged with ours).
 */
struct trial {
	const char *socket;
	const char *handler;     /* its name */
	const char *version_dir; /* the shim that runs must be this version's */
	const char *records;     /* LIVE_RECORDS */
	const char *owner;       /* whose trial: others' are left alone */
};

/* Runs it, sees whose it is, and removes every trace, on failure as well; first, what a killed one
 * left.  It shares the node's network, so needs none.  EPROTO: another shim or version than it
 * should be.  ENODATA: nothing was proven, as the engine runs no sandbox of its own kind either. */
int trial_run(const struct trial *trial, uint64_t deadline_ms, const struct cancel *cancel,
	      struct error *e);

/* Runs one of the default handler, which is somebody else's, in its place.  ENODATA: the engine
 * runs no sandbox.  0 without a word where the default one is ours. */
int trial_of_others(const struct trial *trial, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e);

/* Removes what killed ones of OWNER left, within its own deadline. */
int trial_clear(const char *socket, const char *owner, struct error *e);

#endif
