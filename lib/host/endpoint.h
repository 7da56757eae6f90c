/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_ENDPOINT_H
#define LIB_HOST_ENDPOINT_H

#include "lib/host/engine.h"
#include "lib/wait.h"

/* What the running container runtime says about itself on its socket. */

struct endpoint_state {
	bool is_ready; /* the runtime's own condition; the network's is not ours to wait for */
	char *why_not;
	struct json_object *config; /* its CRI configuration in use; NULL if it does not tell */
	strv handlers;
};

void endpoint_state_done(struct endpoint_state *s);
#define _endpoint_state_ _cleanup_(endpoint_state_done)

/* "1.6.20~ds1", "v2.4.2".  Caller frees. */
int endpoint_version(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		     char **ret_version, struct error *e);
/* Whether containerd has such a snapshotter: its plugins, asked.  ENOENT names those that work. */
int endpoint_has_snapshotter(const char *socket, const char *name, uint64_t deadline_ms,
			     const struct cancel *cancel, struct error *e);
/* Its CRI service, asked once.  ENOSYS: the process runs but its CRI plugin failed. */
int endpoint_status(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    struct endpoint_state *ret_status, struct error *e);
/* Asks until it is ready and has all HANDLERS; says what was missing in the end. */
int endpoint_wait(const struct engine *engine, const struct handler *handlers, size_t n_handlers,
		  uint64_t deadline_ms, const struct cancel *cancel, struct error *e);
/* The first of HANDLERS that the running configuration lacks or has differently; NULL if none. */
const struct handler *endpoint_lacks(const struct endpoint_state *s, const struct handler *handlers,
				     size_t n_handlers);
/* EINVAL, with what, if NOW lacks a handler that is not in SCOPE or has another value of those that
 * decide on everybody's pods.  Both may differ in the rest, such as in defaults that are spelt out.
 */
int endpoint_compare(const struct scope *scope, const struct endpoint_state *before,
		     const struct endpoint_state *now, struct error *e);

#endif
