/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_EVICT_H
#define DEPLOY_COORDINATE_EVICT_H

#include "deploy/coordinate/decide.h"
#include "lib/json.h"

/*
 * Which pods with stale sandboxes go next: a pure function of what nodes and the API server say.
 * Pods have their workload: what their controller owns.
 */

/* Notes in ITEMS, stale sandboxes of deploy/kubectl/stale.h, and in WORKLOADS, an object, what POD,
 * one of their namespaces, is to them. */
void evict_note_pod(struct json_object *items, struct json_object *workloads,
		    struct json_object *pod);

/* Those of ITEMS that shall be evicted now, the worst reason first, then the oldest: no more at
 * once than the policy says, those that go already counted, one of each workload, and none of one
 * that is not whole.  Uids in REFUSED (an object; may be NULL) are left out.  Returns an array;
 * caller owns. */
struct json_object *evict_choose(const struct policy *p, struct json_object *items,
				 struct json_object *workloads, struct json_object *refused);

/* Whether another look is worth its price soon: one of ITEMS goes just now, or will. */
bool evict_goes_on(const struct policy *p, struct json_object *items, struct json_object *refused);

#endif
