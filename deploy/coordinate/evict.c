/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evict - which pods with stale sandboxes go next.
 *
 * A person's "kubectl kata recycle" waits between two pods; this remembers nothing, so what goes is
 * counted anew each time: pods that end, and workloads of which a pod is not ready, whoever ended
 * it.  A pod that nobody would make anew stays, and so does one that says so; where the policy is
 * EvictMarked, one that does not ask for it.  Any thread.
 */
#include "deploy/coordinate/evict.h"

#include <stdlib.h>
#include <string.h>

#include "deploy/kubectl/recycle.h"

/* The worst first; foreign sandboxes and leftovers have no pod of ours. */
static const char *const ranks[] = { "advisory", "assets", "version", "configuration" };

static bool is_ready(struct json_object *pod)
{
	struct json_object *ready = json_find(json_at(pod, "status.conditions"), "type", "Ready");

	return str_equal(json_get_str(ready, "status"), "True") &&
	       !json_get_str(pod, "metadata.deletionTimestamp");
}

/* What has ended by itself is no part of a workload that is not whole. */
static bool has_ended(struct json_object *pod)
{
	const char *phase = json_get_str(pod, "status.phase");

	return str_equal(phase, "Succeeded") || str_equal(phase, "Failed");
}

void evict_note_pod(struct json_object *items, struct json_object *workloads,
		    struct json_object *pod)
{
	const char *uid = json_get_str(pod, "metadata.uid");
	const char *controller = recycle_controller(pod);
	struct json_object *item = uid ? json_find(items, "uid", uid) : NULL;
	const char *why_not;

	if (controller && !has_ended(pod) && !is_ready(pod))
		json_set_bool(workloads, controller, true);
	if (!item)
		return;
	why_not = recycle_why_not(pod, uid, json_get_str(item, "node"));
	json_set_bool(item, "isSeen", true);
	json_set_bool(item, "isGoing", json_get_str(pod, "metadata.deletionTimestamp") != NULL);
	json_set_bool(item, "isMarked", recycle_is_marked(pod));
	json_set_str(item, "controller", controller);
	if (why_not)
		json_set_str(item, "why", why_not);
}

static size_t rank_of(struct json_object *item)
{
	struct json_object *causes = json_at(item, "causes");
	size_t rank = 0;

	while (rank < ARRAY_SIZE(ranks) && !json_find(causes, "cause", ranks[rank]))
		rank++;
	return rank;
}

static int compare(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a;
	struct json_object *y = *(struct json_object *const *)b;
	size_t rank_x = rank_of(x), rank_y = rank_of(y);
	const char *since_x = json_get_str(x, "started"), *since_y = json_get_str(y, "started");

	if (rank_x != rank_y)
		return rank_x < rank_y ? -1 : 1;
	return strcmp(since_x ? since_x : "", since_y ? since_y : "");
}

static bool may_go(const struct policy *p, struct json_object *item, struct json_object *workloads,
		   struct json_object *refused)
{
	const char *controller = json_get_str(item, "controller");

	if (!controller || json_get_str(item, "why") || rank_of(item) == ARRAY_SIZE(ranks))
		return false;
	if (p->stale == STALE_EVICT_MARKED && !json_get_bool(item, "isMarked", false))
		return false;
	return !json_member(workloads, controller) &&
	       !(refused && json_member(refused, json_get_str(item, "uid")));
}

struct json_object *evict_choose(const struct policy *p, struct json_object *items,
				 struct json_object *workloads, struct json_object *refused)
{
	struct json_object *chosen = json_object_new_array();
	size_t n = json_len(items), going = 0;
	_free_ struct json_object **sorted = xcalloc(n + 1, sizeof(struct json_object *));

	for (size_t i = 0; i < n; i++) {
		sorted[i] = json_item(items, i);
		going += json_get_bool(sorted[i], "isGoing", false);
	}
	if (n > 0)
		qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = 0; i < n && going < p->evict_at_once; i++) {
		if (!may_go(p, sorted[i], workloads, refused))
			continue;
		(void)json_object_array_add(chosen, json_object_get(sorted[i]));
		json_set_bool(workloads, json_get_str(sorted[i], "controller"), true);
		going++;
	}
	return chosen;
}
