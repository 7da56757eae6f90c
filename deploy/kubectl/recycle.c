/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recycle - the rules by which pods with stale sandboxes go: whose end somebody mends, the worst
 * and the oldest first, by the Eviction API.
 *
 * A person's "kubectl kata recycle" and a coordinator go by the same.  A pod that nobody would make
 * anew stays, and so does one whose annotation says so.  Any thread.
 */
#include "deploy/kubectl/recycle.h"

#include <string.h>

#include "lib/kube/apply.h"

#define RECYCLE "katacontainers.io/recycle"

/* The worst first; foreign sandboxes and leftovers have no pod of ours. */
static const char *const ranks[] = { "advisory", "assets", "version", "configuration" };

char *recycle_path(struct json_object *item)
{
	_free_ char *namespace = http_escape(json_get_str(item, "namespace"));
	_free_ char *name = http_escape(json_get_str(item, "pod"));

	return xasprintf("/api/v1/namespaces/%s/pods/%s", namespace, name);
}

const char *recycle_controller(struct json_object *pod)
{
	struct json_object *owners = json_at(pod, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_get_bool(json_item(owners, i), "controller", false))
			return json_get_str(json_item(owners, i), "uid");
	return NULL;
}

bool recycle_is_marked(struct json_object *pod)
{
	return str_equal(json_member_str(json_at(pod, "metadata.annotations"), RECYCLE), "true");
}

const char *recycle_why_not(struct json_object *pod, const char *uid, const char *node)
{
	struct json_object *notes = json_at(pod, "metadata.annotations");

	if (!str_equal(json_get_str(pod, "metadata.uid"), uid))
		return "it is another pod of this name by now";
	/* A node is believed about its own pods alone. */
	if (!str_equal(json_get_str(pod, "spec.nodeName"), node))
		return "it is not on the node that named it";
	if (json_get_str(pod, "metadata.deletionTimestamp"))
		return "it is going already";
	if (json_member(notes, "kubernetes.io/config.mirror"))
		return "its node made it: it is no pod of the API";
	if (str_equal(json_member_str(notes, RECYCLE), "false"))
		return "its annotation " RECYCLE " says so";
	return recycle_controller(pod) ? NULL : "it has no controller that would make it anew";
}

bool recycle_is_ready(struct json_object *pod)
{
	struct json_object *ready = json_find(json_at(pod, "status.conditions"), "type", "Ready");

	return str_equal(json_get_str(ready, "status"), "True") &&
	       !json_get_str(pod, "metadata.deletionTimestamp");
}

static size_t rank_of(struct json_object *item)
{
	struct json_object *causes = json_at(item, "causes");
	size_t rank = 0;

	while (rank < ARRAY_SIZE(ranks) && !json_find(causes, "cause", ranks[rank]))
		rank++;
	return rank;
}

bool recycle_helps(struct json_object *item)
{
	return rank_of(item) < ARRAY_SIZE(ranks);
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

void recycle_sort(struct json_object *items)
{
	json_object_array_sort(items, compare);
}

/* ---- eviction ---- */

int recycle_evict(struct kube_client *kube, struct json_object *item, uint64_t deadline_ms,
		  const struct cancel *cancel, struct error *e)
{
	_free_ char *pod = recycle_path(item);
	_free_ char *path = xasprintf("%s/eviction", pod);
	_json_ struct json_object *eviction = json_object_new_object();
	struct json_object *metadata;

	json_set_str(eviction, "apiVersion", "policy/v1");
	json_set_str(eviction, "kind", "Eviction");
	metadata = json_set_object(eviction, "metadata");
	json_set_str(metadata, "name", json_get_str(item, "pod"));
	json_set_str(metadata, "namespace", json_get_str(item, "namespace"));
	json_set_str(json_set_object(json_set_object(eviction, "deleteOptions"), "preconditions"),
		     "uid", json_get_str(item, "uid"));
	return kube_create(kube, path, eviction, deadline_ms, cancel, e);
}
