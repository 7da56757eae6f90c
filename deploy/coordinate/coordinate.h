/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_COORDINATE_H
#define DEPLOY_COORDINATE_COORDINATE_H

#include "deploy/coordinate/decide.h"
#include "deploy/coordinate/lease.h"
#include "deploy/kubectl/cluster.h"

/* What a coordinator coordinates.  Borrowed. */
struct coordinator {
	const char *installation; /* its name, and that of the custom resource */
	const char *namespace;
	const char *daemonset;
	struct kube_client *kube;
	const struct cancel *cancel;
	struct lease *lease;         /* NULL: there is no other (a test) */
	char *rest;                  /* what was there when nothing was under way; NULL; owned */
	uint64_t looked_ms;          /* when nodes were looked at last */
	uint64_t rest_ms;            /* for how long they need not be */
	struct json_object *refused; /* pods that may not be evicted now; owned */
	uint64_t refused_ms;         /* since when they are kept */
};

void coordinator_done(struct coordinator *c);

/* Looks once: decides, deletes the pods that are next, takes a template back where the policy says
 * so, and reports.  Without the custom resource, or with one that is not valid, it touches nothing.
 * While nothing is under way most looks ask for no node. */
int coordinate_once(struct coordinator *c, int64_t now_s, struct error *e);

/* The nodes of C, which is of one installation, as decide() sees them; one whose pod is being
 * replaced is under way.  *ret_away is how many cannot be reached, and are left out until they can.
 * Returns their number; caller frees the list, which borrows from C and POLICY. */
size_t coordinate_targets(const struct cluster *c, const struct policy *policy, int64_t now_s,
			  struct rollout_node **ret_targets, size_t *ret_away);

/* Coordinates until the cancel: as long as the lease is ours.  Environment: POD_NAME. */
int coordinate_run(struct coordinator *c, struct error *e);

#endif
