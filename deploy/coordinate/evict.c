/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evict - which pods with stale sandboxes go next.
 *
 * A person's "kubectl kata recycle" waits between two pods; this remembers nothing, so what goes is
 * counted anew each time: pods that end, and workloads of which a pod is not ready, whoever ended
 * it.  Which pods may go at all, and in which order, is what that goes by, too (recycle.c); where
 * the policy is EvictMarked, one that does not ask for it stays.  Any thread.
 */
#include "deploy/coordinate/evict.h"

#include "deploy/kubectl/recycle.h"

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

	if (controller && !has_ended(pod) && !recycle_is_ready(pod))
		json_set_bool(workloads, controller, true);
	if (!item)
		return;
	why_not = recycle_why_not(pod, uid, json_get_str(item, "node"));
	json_set_bool(item, "isGoing", json_get_str(pod, "metadata.deletionTimestamp") != NULL);
	json_set_bool(item, "isMarked", recycle_is_marked(pod));
	json_set_str(item, "controller", controller);
	if (why_not)
		json_set_str(item, "why", why_not);
}

/* Whether it will go, now or when its workload is whole. */
static bool is_to_go(const struct policy *p, struct json_object *item, struct json_object *refused)
{
	if (!json_get_str(item, "controller") || json_get_str(item, "why") || !recycle_helps(item))
		return false;
	if (p->stale == STALE_EVICT_MARKED && !json_get_bool(item, "isMarked", false))
		return false;
	return !(refused && json_member(refused, json_get_str(item, "uid")));
}

static bool may_go(const struct policy *p, struct json_object *item, struct json_object *workloads,
		   struct json_object *refused)
{
	return is_to_go(p, item, refused) &&
	       !json_member(workloads, json_get_str(item, "controller"));
}

bool evict_goes_on(const struct policy *p, struct json_object *items, struct json_object *refused)
{
	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *item = json_item(items, i);

		if (json_get_bool(item, "isGoing", false) || is_to_go(p, item, refused))
			return true;
	}
	return false;
}

struct json_object *evict_choose(const struct policy *p, struct json_object *items,
				 struct json_object *workloads, struct json_object *refused)
{
	struct json_object *chosen = json_object_new_array();
	size_t n = json_len(items), going = 0;

	for (size_t i = 0; i < n; i++)
		going += json_get_bool(json_item(items, i), "isGoing", false);
	recycle_sort(items);
	for (size_t i = 0; i < n && going < p->evict_at_once; i++) {
		struct json_object *item = json_item(items, i);

		if (!may_go(p, item, workloads, refused))
			continue;
		(void)json_object_array_add(chosen, json_object_get(item));
		json_set_bool(workloads, json_get_str(item, "controller"), true);
		going++;
	}
	return chosen;
}
