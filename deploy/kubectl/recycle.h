/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_KUBECTL_RECYCLE_H
#define DEPLOY_KUBECTL_RECYCLE_H

#include "lib/json.h"
#include "lib/kube/client.h"

/*
 * Which pods with stale sandboxes go, and in which order.  ITEMS are those of
 * deploy/kubectl/stale.h.
 */

/* The path of the pod of ITEM.  Caller frees. */
char *recycle_path(struct json_object *item);

/* Puts ITEMS, an array, into the order in which they go: the worst reason first, then the oldest.
 */
void recycle_sort(struct json_object *items);
/* Whether ITEM is stale for a reason that a new pod ends, and not foreign or a leftover alone. */
bool recycle_helps(struct json_object *item);

/* Why POD, which NODE said to have UID and a stale sandbox, is not to be evicted; NULL: it is. */
const char *recycle_why_not(struct json_object *pod, const char *uid, const char *node);

/* UID of what owns POD and would make it anew; NULL: nothing does. */
const char *recycle_controller(struct json_object *pod);
/* Whether POD asks for it by its annotation. */
bool recycle_is_marked(struct json_object *pod);
/* Whether POD is ready and does not end. */
bool recycle_is_ready(struct json_object *pod);

/* Evicts the pod of ITEM ("namespace", "pod", "uid"), if it is still that one.  A budget that
 * refuses is asked again until DEADLINE_MS. */
int recycle_evict(struct kube_client *kube, struct json_object *item, uint64_t deadline_ms,
		  const struct cancel *cancel, struct error *e);

#endif
