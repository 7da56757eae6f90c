/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale - the stale sandboxes of the cluster, from those who know: the pods on the nodes.
 *
 * They are asked through the API server, which needs the right to get pods/proxy and no way to the
 * nodes' network.  A node says in an annotation how many it has, so those without are not asked;
 * one without the annotation is of a release that did not count.  One that does not answer is left
 * out and named.  One thread.
 */
#include "deploy/kubectl/stale.h"

#include "lib/kube/apply.h"

#define SANDBOXES_MAX 100000

/* "version: the node has X; configuration: ...".  Caller frees. */
static char *reason_of(struct json_object *causes)
{
	_strv_ strv parts = NULL;

	for (size_t i = 0; i < json_len(causes); i++) {
		const char *cause = json_get_str(json_item(causes, i), "cause");
		const char *detail = json_get_str(json_item(causes, i), "detail");

		if (cause)
			strv_addf(&parts, "%s%s%s", cause, str_empty(detail) ? "" : ": ",
				  detail ? detail : "");
	}
	return strv_join(parts, "; ");
}

static void add_sandbox(struct json_object *items, struct json_object *list,
			struct json_object *sandbox)
{
	static const char *const same[] = { "namespace", "uid", "started", "runs", "id" };
	struct json_object *causes = json_at(sandbox, "causes");
	struct json_object *item = json_object_new_object();
	_free_ char *reason = reason_of(causes);

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		json_set_str(item, same[i], json_get_str(sandbox, same[i]));
	json_set_str(item, "pod", json_get_str(sandbox, "name"));
	json_set_str(item, "node", json_get_str(list, "node"));
	json_set_str(item, "installation", json_get_str(list, "installation"));
	json_set_str(item, "current", json_get_str(list, "current"));
	json_set_str(item, "reason", reason);
	(void)json_object_object_add(item, "causes", json_object_get(causes));
	(void)json_object_array_add(items, item);
}

int stale_add_list(struct json_object *items, struct json_object *list, struct error *e)
{
	struct json_object *sandboxes = json_at(list, "sandboxes");

	if (!json_object_is_type(sandboxes, json_type_array) || !json_get_str(list, "node") ||
	    json_len(sandboxes) > SANDBOXES_MAX)
		return fail(e, EPROTO, "the answer is no list of sandboxes");
	for (size_t i = 0; i < json_len(sandboxes); i++)
		add_sandbox(items, list, json_item(sandboxes, i));
	return 0;
}

static int ask(struct kata *k, const struct cluster *c, struct json_object *node,
	       struct json_object *items, struct error *e)
{
	struct json_object *in = cluster_installation(c, json_get_str(node, "installation"));
	_free_ char *path = xasprintf("/api/v1/namespaces/%s/pods/%s:%lld/proxy/stale",
				      json_get_str(node, "namespace"), json_get_str(node, "pod"),
				      (long long)json_get_int(in, "port", 0));
	_json_ struct json_object *list = NULL;
	int r = kube_get(k->kube, path, kata_ask_ms(k), k->cancel, &list, e);

	if (r >= 0 && !str_equal(json_get_str(list, "node"), json_get_str(node, "node")))
		r = fail(e, EPROTO, "it answers for another");
	if (r >= 0)
		r = stale_add_list(items, list, e);
	return r < 0 ? fail_wrap(e, "node '%s'", json_get_str(node, "node")) : 0;
}

static bool is_wanted(struct json_object *node, const char *name)
{
	return (!name || str_equal(json_get_str(node, "node"), name)) &&
	       json_get_int(node, "stale", 0) > 0;
}

/* Those in the namespace that was asked for. */
static void take_namespace(const struct kata *k, struct json_object *all, struct json_object *items)
{
	const char *namespace = k->options->choice.namespace;

	for (size_t i = 0; i < json_len(all); i++) {
		struct json_object *item = json_item(all, i);

		if (!namespace || str_equal(json_get_str(item, "namespace"), namespace))
			(void)json_object_array_add(items, json_object_get(item));
	}
}

int stale_read(struct kata *k, const struct cluster *c, const char *node, struct json_object *items,
	       struct error *e)
{
	_json_ struct json_object *all = json_object_new_array();
	int status = 0;

	for (size_t i = 0; i < json_len(c->nodes); i++) {
		struct json_object *n = json_item(c->nodes, i);

		if (!is_wanted(n, node))
			continue;
		if (!json_get_str(n, "pod"))
			(void)fail(e, ENOENT, "node '%s' has no pod that could be asked",
				   json_get_str(n, "node"));
		else if (ask(k, c, n, all, e) >= 0)
			continue;
		if (e->code == ECANCELED)
			return -e->code;
		view_say("%s", e->msg);
		status = EXIT_PARTLY;
	}
	take_namespace(k, all, items);
	return status;
}
