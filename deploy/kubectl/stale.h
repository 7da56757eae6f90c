/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_STALE_H
#define DEPLOY_KUBECTL_STALE_H

#include "deploy/kubectl/cluster.h"

/* Adds to ITEMS one for each stale sandbox that LIST, what a node's pod says at /stale, has:
 * "namespace", "pod", "uid", "node", "installation", "started", "runs", "reason", "causes", "id".
 * EPROTO if it is no such list. */
int stale_add_list(struct json_object *items, struct json_object *list, struct error *e);

/* Asks the nodes of C that say they have some, NODE alone unless it is NULL.  EXIT_PARTLY if one
 * did not answer; it is named on standard error. */
int stale_read(struct kata *k, const struct cluster *c, const char *node, struct json_object *items,
	       struct error *e);

#endif
