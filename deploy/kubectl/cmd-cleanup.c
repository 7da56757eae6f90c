/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-cleanup - remove what the API still holds of installations whose DaemonSet is gone.
 *
 * Where the namespace, the role or the DaemonSet went before the nodes had cleaned up, labels,
 * annotations, conditions and RuntimeClasses stay, and promise pods what may not be there.  What is
 * of an installation with a DaemonSet is that one's, and so is what nobody of us made.  Files on
 * nodes are out of reach here: the same version installed and removed again takes them.  Who may
 * not see all DaemonSets cannot tell whose is gone, so nothing is done then.
 */
#include "deploy/kubectl/cleanup.h"

#include <string.h>

#include "deploy/kubectl/show.h"
#include "lib/kube/apply.h"
#include "lib/kube/list.h"

#define STALE_NOTE "katacontainers.io/stale-sandboxes"
#define BEFORE     "kata-deploy.katacontainers.io/before"
#define MANAGED_BY "app.kubernetes.io/managed-by"
#define INSTANCE   "kata-deploy/instance"
#define CLASSES    "/apis/node.k8s.io/v1/runtimeclasses"

static const struct column columns[] = {
	{ .title = "KIND", .member = "kind" },
	{ .title = "OBJECT", .member = "object" },
	{ .title = "WHAT", .member = "what" },
	{ .title = "RESULT", .member = "result" },
};

static const struct view view = {
	.kind = "CleanupList",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static const char *const condition_bases[] = { "KataReady", "KataUpgraded" };

static bool is_alive(const struct cluster *c, const char *installation)
{
	return json_get_str(cluster_installation(c, installation), "daemonset") != NULL;
}

/* Whether NAME is BASE, or BASE-SUFFIX, of an installation that is alive. */
static bool is_named_by_living(const struct cluster *c, const char *base, const char *name)
{
	for (size_t i = 0; i < json_len(c->installations); i++) {
		struct json_object *in = json_item(c->installations, i);
		const char *suffix = json_get_str(in, "suffix");
		_free_ char *living = xasprintf("%s%s%s", base, str_empty(suffix) ? "" : "-",
						str_empty(suffix) ? "" : suffix);

		if (json_get_str(in, "daemonset") && strcmp(living, name) == 0)
			return true;
	}
	return false;
}

static bool is_named(const char *base, const char *name)
{
	return str_starts(name, base) && (name[strlen(base)] == '\0' || name[strlen(base)] == '-');
}

static void remove_key(struct json_object *map, const char *key)
{
	(void)json_object_object_add(map, key, NULL);
}

/* Returns how many installations of the labels are alive. */
static unsigned drop_labels(const struct cluster *c, struct json_object *labels,
			    struct json_object *dropped)
{
	unsigned alive = 0;

	if (!json_object_is_type(labels, json_type_object))
		return 0;
	json_object_object_foreach(labels, key, value)
	{
		(void)value;
		if (!str_starts(key, CLUSTER_LABEL))
			continue;
		if (is_alive(c, key + strlen(CLUSTER_LABEL)))
			alive++;
		else
			remove_key(dropped, key);
	}
	if (alive == 0 && json_object_object_length(dropped) > 0 &&
	    json_member(labels, CLUSTER_READY))
		remove_key(dropped, CLUSTER_READY);
	return alive;
}

static void drop_notes(const struct cluster *c, struct json_object *notes,
		       struct json_object *dropped)
{
	if (!json_object_is_type(notes, json_type_object))
		return;
	json_object_object_foreach(notes, key, value)
	{
		(void)value;
		if ((str_starts(key, CLUSTER_LABEL) && !is_alive(c, key + strlen(CLUSTER_LABEL))) ||
		    (is_named(STALE_NOTE, key) && !is_named_by_living(c, STALE_NOTE, key)))
			remove_key(dropped, key);
	}
}

struct json_object *cleanup_patch(const struct cluster *c, struct json_object *node)
{
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *metadata = json_set_object(patch, "metadata");
	struct json_object *labels = json_set_object(metadata, "labels");
	struct json_object *notes = json_set_object(metadata, "annotations");

	(void)drop_labels(c, json_at(node, "metadata.labels"), labels);
	drop_notes(c, json_at(node, "metadata.annotations"), notes);
	if (json_object_object_length(labels) == 0 && json_object_object_length(notes) == 0)
		return NULL;
	return TAKE_PTR(patch);
}

strv cleanup_conditions(const struct cluster *c, struct json_object *node)
{
	struct json_object *conditions = json_at(node, "status.conditions");
	strv types = NULL;

	for (size_t i = 0; i < json_len(conditions); i++) {
		const char *type = json_get_str(json_item(conditions, i), "type");

		for (size_t b = 0; type && b < ARRAY_SIZE(condition_bases); b++)
			if (is_named(condition_bases[b], type) &&
			    !is_named_by_living(c, condition_bases[b], type))
				strv_add(&types, type);
	}
	return types;
}

bool cleanup_class(const struct cluster *c, struct json_object *class, const char **ret_why)
{
	struct json_object *labels = json_at(class, "metadata.labels");
	const char *instance = json_member_str(labels, INSTANCE);

	if (!instance || !str_equal(json_member_str(labels, MANAGED_BY), "kata-deploy") ||
	    is_alive(c, instance))
		return false;
	*ret_why = json_member(json_at(class, "metadata.annotations"), BEFORE)
			   ? "left: it was somebody else's, who is to say what it shall be"
			   : NULL;
	return true;
}

/* ---- doing it ---- */

struct cleaning {
	struct kata *k;
	const struct cluster *cluster;
	struct json_object *items;
	int status;
};

/* Tells what became of it. */
static void tell(struct cleaning *cl, const char *kind, const char *object, const char *what,
		 const char *result)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "kind", kind);
	json_set_str(item, "object", object);
	json_set_str(item, "what", what);
	json_set_str(item, "result", result);
	(void)json_object_array_add(cl->items, item);
	if (cl->k->options->is_dry)
		cl->status = EXIT_FOUND;
	else if (strcmp(result, "removed") != 0)
		cl->status = EXIT_PARTLY;
}

static const char *outcome(const struct cleaning *cl, int r, const struct error *e)
{
	if (cl->k->options->is_dry)
		return "would go";
	return r < 0 ? e->msg : "removed";
}

static int patch_node(struct cleaning *cl, const char *name, struct json_object *patch,
		      struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s", name);

	return cl->k->options->is_dry
		       ? 0
		       : kube_merge(cl->k->kube, path, patch, kata_ask_ms(cl->k), cl->k->cancel, e);
}

static void tell_keys(struct cleaning *cl, const char *name, struct json_object *patch, int r,
		      const struct error *e)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct json_object *map = json_at(patch, maps[i]);

		json_object_object_foreach(map, key, value)
		{
			_free_ char *what = xasprintf("%s %s", i ? "annotation" : "label", key);

			(void)value;
			tell(cl, "Node", name, what, outcome(cl, r, e));
		}
	}
}

/* A list of conditions has one of a type, which a strategic merge patch takes out. */
static int drop_condition(struct cleaning *cl, const char *name, const char *type, struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s/status", name);
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *condition = json_object_new_object();
	const struct kube_call call = {
		.method = "PATCH",
		.path = path,
		.content_type = "application/strategic-merge-patch+json",
		.body = patch,
		.deadline_ms = kata_ask_ms(cl->k),
		.cancel = cl->k->cancel,
	};

	json_set_str(condition, "type", type);
	json_set_str(condition, "$patch", "delete");
	(void)json_object_array_add(json_set_array(json_set_object(patch, "status"), "conditions"),
				    condition);
	return cl->k->options->is_dry ? 0 : kube_do(cl->k->kube, &call, NULL, e);
}

static int each_node(void *arg, struct json_object *node, struct error *e)
{
	struct cleaning *cl = arg;
	const char *name = json_get_str(node, "metadata.name");
	_json_ struct json_object *patch = cleanup_patch(cl->cluster, node);
	_strv_ strv conditions = cleanup_conditions(cl->cluster, node);

	if (patch) {
		int r = patch_node(cl, name, patch, e);

		if (r == -ECANCELED)
			return r;
		tell_keys(cl, name, patch, r, e);
	}
	for (char **type = conditions; type && *type; type++) {
		_free_ char *what = xasprintf("condition %s", *type);
		int r = drop_condition(cl, name, *type, e);

		if (r == -ECANCELED)
			return r;
		tell(cl, "Node", name, what, outcome(cl, r, e));
	}
	return 0;
}

static int each_class(void *arg, struct json_object *class, struct error *e)
{
	struct cleaning *cl = arg;
	const char *name = json_get_str(class, "metadata.name");
	_free_ char *path = xasprintf(CLASSES "/%s", name);
	const char *why = NULL;
	int r = 0;

	if (!cleanup_class(cl->cluster, class, &why))
		return 0;
	if (!why && !cl->k->options->is_dry)
		r = kube_delete_exact(cl->k->kube, path, class, kata_ask_ms(cl->k), cl->k->cancel,
				      e);
	if (r == -ECANCELED)
		return r;
	tell(cl, "RuntimeClass", name, NULL, why ? why : outcome(cl, r, e));
	return 0;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	struct cleaning cl = { .k = k, .cluster = &c, .items = items };

	/* All others would look as if they were gone. */
	if (k->options->installation)
		return fail(e, EINVAL, "'cleanup' is for all installations that are gone");
	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	if (c.is_partial)
		return fail(e, EACCES,
			    "you may not see the DaemonSets of all namespaces, so nobody can say "
			    "whose is gone");
	if (kube_list(k->kube, CLASSES, each_class, &cl, k->deadline_ms, k->cancel, e) < 0 ||
	    kube_list(k->kube, "/api/v1/nodes", each_node, &cl, k->deadline_ms, k->cancel, e) < 0)
		return -e->code;
	return cl.status;
}

int cmd_cleanup(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
