/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-recycle - evict the pods whose sandboxes are stale, so that what owns them makes new ones.
 *
 * One after the other, by the Eviction API: a PodDisruptionBudget that refuses is waited for, the
 * next pod goes when the last one is gone, and the next one of the same controller when as many of
 * its pods are ready as were before the first went, also where no budget says so.  Who goes, and
 * in which order, is what a coordinator goes by as well (recycle.c).
 */
#include "deploy/kubectl/recycle.h"
#include "deploy/kubectl/show.h"
#include "deploy/kubectl/stale.h"
#include "lib/kube/apply.h"
#include "lib/kube/list.h"

#define PATIENCE_MS (120 * UINT64_C(1000))
#define GONE_MS     (120 * UINT64_C(1000))
#define POLL_MS     500
#define READY_MS    (120 * UINT64_C(1000))
#define LOOK_MS     2000

static const struct column columns[] = {
	{ .title = "NAMESPACE", .member = "namespace" },
	{ .title = "POD", .member = "pod" },
	{ .title = "NODE", .member = "node" },
	{ .title = "RESULT", .member = "result" },
	{ .title = "WHY", .member = "why" },
};

static const struct view view = {
	.kind = "RecycleList",
	.name_kind = "pod",
	.name = "pod",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* ---- a workload: the pods of one controller ---- */

struct count {
	const char *controller;
	int64_t ready;
};

static int each_pod(void *arg, struct json_object *pod, struct error *e)
{
	struct count *count = arg;

	(void)e;
	count->ready +=
		str_equal(recycle_controller(pod), count->controller) && recycle_is_ready(pod);
	return 0;
}

/* Waits until the workload of POD has as many pods that are ready as when it was first asked for,
 * which WORKLOADS keeps. */
static int await_workload(struct kata *k, struct json_object *pod, struct json_object *workloads,
			  struct error *e)
{
	uint64_t deadline_ms = min_u64(k->deadline_ms, deadline_in(READY_MS));
	_free_ char *namespace = http_escape(json_get_str(pod, "metadata.namespace"));
	_free_ char *path = xasprintf("/api/v1/namespaces/%s/pods", namespace);
	const char *controller = recycle_controller(pod);
	struct json_object *before = json_member(workloads, controller);

	for (;;) {
		struct count count = { .controller = controller };

		if (kube_list(k->kube, path, each_pod, &count, k->deadline_ms, k->cancel, e) < 0)
			return -e->code;
		if (!before)
			json_set_int(workloads, controller, count.ready);
		if (!before || count.ready >= json_object_get_int64(before))
			return 0;
		if (wait_pause(LOOK_MS, "its workload to have as many ready pods as before",
			       deadline_ms, k->cancel, e) < 0)
			return -e->code;
	}
}

/* ---- eviction ---- */

/* ETIMEDOUT if it stays. */
static int wait_until_gone(struct kata *k, struct json_object *item, struct error *e)
{
	uint64_t deadline_ms = min_u64(k->deadline_ms, deadline_in(GONE_MS));
	_free_ char *path = recycle_path(item);

	for (;;) {
		_json_ struct json_object *pod = NULL;
		int r = kube_get(k->kube, path, deadline_ms, k->cancel, &pod, e);

		if (r == -ENOENT || (r >= 0 && !str_equal(json_get_str(pod, "metadata.uid"),
							  json_get_str(item, "uid"))))
			return 0;
		if (r < 0 || wait_pause(POLL_MS, "the pod to go", deadline_ms, k->cancel, e) < 0)
			return -e->code;
	}
}

static void set_result(struct json_object *item, const char *result, const char *why)
{
	json_set_str(item, "result", result);
	json_set_str(item, "why", why);
}

/* Returns EXIT_PARTLY if the pod is left where it should go. */
static int recycle(struct kata *k, struct json_object *item, struct json_object *pod,
		   struct json_object *workloads, struct error *e)
{
	const char *why_not =
		recycle_why_not(pod, json_get_str(item, "uid"), json_get_str(item, "node"));
	int r;

	if (why_not) {
		set_result(item, "stays", why_not);
		return 0;
	}
	if (k->options->is_dry) {
		set_result(item, "would go", json_get_str(item, "reason"));
		return 0;
	}
	r = await_workload(k, pod, workloads, e);
	if (r >= 0)
		r = recycle_evict(k->kube, item, min_u64(k->deadline_ms, deadline_in(PATIENCE_MS)),
				  k->cancel, e);
	if (r == -ENOENT)
		r = 0;
	if (r >= 0)
		r = wait_until_gone(k, item, e);
	set_result(item,
		   r == -ECANCELED ? "interrupted"
		   : r < 0         ? "refused"
				   : "evicted",
		   r < 0 ? e->msg : json_get_str(item, "reason"));
	return r < 0 && r != -ECANCELED ? EXIT_PARTLY : r;
}

static bool is_chosen(const struct kata *k, struct json_object *item, struct json_object *chosen)
{
	return !k->options->selector || json_member(chosen, json_get_str(item, "uid"));
}

/* The pods that the selector means, by UID. */
static int each_chosen(void *arg, struct json_object *pod, struct error *e)
{
	const char *uid = json_get_str(pod, "metadata.uid");

	(void)e;
	if (uid)
		json_set_bool(arg, uid, true);
	return 0;
}

static int recycle_all(struct kata *k, struct json_object *stale, struct json_object *chosen,
		       struct json_object *items, struct error *e)
{
	_json_ struct json_object *workloads = json_object_new_object();
	int status = 0;

	for (size_t i = 0; i < json_len(stale); i++) {
		struct json_object *item = json_item(stale, i);
		_free_ char *path = NULL;
		_json_ struct json_object *pod = NULL;
		int r;

		if (!json_get_str(item, "pod") || !json_get_str(item, "namespace") ||
		    !json_get_str(item, "uid") || !is_chosen(k, item, chosen))
			continue;
		path = recycle_path(item);
		r = kube_get(k->kube, path, kata_ask_ms(k), k->cancel, &pod, e);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		(void)json_object_array_add(items, json_object_get(item));
		r = recycle(k, item, pod, workloads, e);
		if (r < 0)
			return r;
		status = r ? r : status;
	}
	return status;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *stale = json_object_new_array();
	_json_ struct json_object *chosen = json_object_new_object();
	_free_ char *pods = kata_pods_path(k);
	int status, r;

	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	status = stale_read(k, &c, k->options->arguments[1], stale, e);
	if (status < 0 || (k->options->selector && kube_list(k->kube, pods, each_chosen, chosen,
							     k->deadline_ms, k->cancel, e) < 0))
		return -e->code;
	recycle_sort(stale);
	r = recycle_all(k, stale, chosen, items, e);
	return r ? r : status;
}

int cmd_recycle(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
