/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_ERRAND_H
#define DEPLOY_KUBECTL_ERRAND_H

#include "deploy/kubectl/kubectl.h"

enum errand_access {
	ERRAND_READS, /* every folder of the node is mounted read-only */
	ERRAND_WRITES,
};

/* Something that the installer's program does once on a node. */
struct errand {
	struct json_object *installation; /* an item of a cluster, with its template */
	const char *node;
	const char *image; /* NULL: that of the template */
	char *const *args;
	enum errand_access access;
};

/* The pod called NAME that does it: what the DaemonSet would run there, but once, with ARGS, and
 * nobody's but ours.  Caller owns. */
struct json_object *errand_pod(const struct errand *errand, const char *name);

/* Has it done, and takes the pod away again, whatever the end.  *ret_log is what it said; caller
 * frees.  Returns its exit status. */
int errand_run(struct kata *k, const struct errand *errand, char **ret_log, struct error *e);

#endif
