/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-sandboxes - the pods that run in sandboxes, and what each runs.
 *
 * They are those whose RuntimeClass has a handler of ours.  What a sandbox runs is the version of
 * its node, unless the node counts it among the stale ones, which say it themselves.
 */
#include <string.h>

#include "deploy/kubectl/show.h"
#include "deploy/kubectl/stale.h"
#include "lib/kube/list.h"

static const struct column columns[] = {
	{ .title = "NAMESPACE", .member = "namespace" },
	{ .title = "POD", .member = "pod" },
	{ .title = "NODE", .member = "node" },
	{ .title = "CLASS", .member = "class" },
	{ .title = "PHASE", .member = "phase" },
	{ .title = "AGE", .member = "started", .form = COLUMN_AGE },
	{ .title = "RUNS", .member = "runs" },
	{ .title = "HANDLER", .member = "handler", .is_wide = true },
	{ .title = "STALE", .member = "reason", .is_wide = true },
};

static const struct view view = {
	.kind = "SandboxList",
	.name_kind = "pod",
	.name = "pod",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

struct finding {
	const struct kata *k;
	const struct cluster *cluster;
	struct json_object *handlers; /* of our classes, by name */
	struct json_object *stale;    /* by UID of the pod */
	struct json_object *items;
};

static int each_class(void *arg, struct json_object *class, struct error *e)
{
	struct finding *f = arg;
	const char *handler = json_get_str(class, "handler");

	(void)e;
	if (str_equal(handler, "kata") || (handler && str_starts(handler, "kata-")))
		json_set_str(f->handlers, json_get_str(class, "metadata.name"), handler);
	return 0;
}

/* The version of the one installation of the node; of several nobody says here whose pod it is. */
static const char *version_on(const struct cluster *c, const char *node)
{
	const char *version = NULL;

	for (size_t i = 0; node && i < json_len(c->nodes); i++) {
		struct json_object *n = json_item(c->nodes, i);

		if (!str_equal(json_get_str(n, "node"), node))
			continue;
		if (version)
			return NULL;
		version = json_get_str(n, "version");
	}
	return version;
}

static int each_pod(void *arg, struct json_object *pod, struct error *e)
{
	struct finding *f = arg;
	const char *wanted = f->k->options->arguments[1];
	const char *class = json_get_str(pod, "spec.runtimeClassName");
	const char *handler = class ? json_member_str(f->handlers, class) : NULL;
	const char *node = json_get_str(pod, "spec.nodeName");
	const char *uid = json_get_str(pod, "metadata.uid");
	struct json_object *stale = uid ? json_member(f->stale, uid) : NULL;
	struct json_object *item;

	(void)e;
	if (!handler || (wanted && !str_equal(node, wanted)))
		return 0;
	item = json_object_new_object();
	json_set_str(item, "namespace", json_get_str(pod, "metadata.namespace"));
	json_set_str(item, "pod", json_get_str(pod, "metadata.name"));
	json_set_str(item, "uid", uid);
	json_set_str(item, "node", node);
	json_set_str(item, "class", class);
	json_set_str(item, "handler", handler);
	json_set_str(item, "phase", json_get_str(pod, "status.phase"));
	json_set_str(item, "started", json_get_str(pod, "status.startTime"));
	json_set_str(item, "runs",
		     stale ? json_get_str(stale, "runs") : version_on(f->cluster, node));
	json_set_str(item, "reason", json_get_str(stale, "reason"));
	(void)json_object_array_add(f->items, item);
	return 0;
}

static int index_stale(struct kata *k, struct finding *f, struct error *e)
{
	_json_ struct json_object *list = json_object_new_array();
	int r = stale_read(k, f->cluster, k->options->arguments[1], list, e);

	for (size_t i = 0; r >= 0 && i < json_len(list); i++) {
		struct json_object *item = json_item(list, i);
		const char *uid = json_get_str(item, "uid");

		if (uid)
			(void)json_object_object_add(f->stale, uid, json_object_get(item));
	}
	return r;
}

static int find_all(struct kata *k, struct finding *f, struct error *e)
{
	_free_ char *path = kata_pods_path(k);
	int status = index_stale(k, f, e);

	if (status < 0 ||
	    kube_list(k->kube, "/apis/node.k8s.io/v1/runtimeclasses", each_class, f, k->deadline_ms,
		      k->cancel, e) < 0 ||
	    kube_list(k->kube, path, each_pod, f, k->deadline_ms, k->cancel, e) < 0)
		return -e->code;
	return status;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *handlers = json_object_new_object();
	_json_ struct json_object *stale = json_object_new_object();
	struct finding f = {
		.k = k, .cluster = &c, .handlers = handlers, .stale = stale, .items = items
	};

	return cluster_read(k, &c, e) < 0 ? -e->code : find_all(k, &f, e);
}

int cmd_sandboxes(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
