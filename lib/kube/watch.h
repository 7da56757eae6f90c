/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_WATCH_H
#define LIB_KUBE_WATCH_H

#include "lib/kube/client.h"
#include "lib/kube/stream.h"

/*
 * Follows a collection: every object as it is now, then every change, across closed connections,
 * server restarts and expired versions.  Level, not edge: after a gap the handler sees the present
 * objects again as WATCH_ADDED.
 */
struct kube_watch {
	const char *path;           /* "/api/v1/nodes" */
	const char *field_selector; /* NULL: everything */
	watch_handler *handler;     /* a positive value ends the watch with success; BOOKMARK and
				       ERROR are not passed on */
	void *arg;
	uint64_t deadline_ms;
	const struct cancel *cancel;
};

/* Returns what the handler returned, or ETIMEDOUT, ECANCELED, or a refusal (kube_do()). */
int kube_watch(struct kube_client *client, const struct kube_watch *watch, struct error *e);

#endif
