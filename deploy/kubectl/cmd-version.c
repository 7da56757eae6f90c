/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-version - of this program, the installations and the API server.
 */
#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/show.h"
#include "lib/kube/apply.h"

static const struct column columns[] = {
	{ .title = "WHAT", .member = "what" },
	{ .title = "VERSION", .member = "version" },
	{ .title = "FROM", .member = "from" },
};

static const struct view view = {
	.kind = "VersionList",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static void add(struct json_object *items, const char *what, const char *version, const char *from)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "what", what);
	json_set_str(item, "version", version);
	json_set_str(item, "from", from);
	(void)json_object_array_add(items, item);
}

static int add_cluster(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };
	_json_ struct json_object *version = NULL;

	if (kata_open(k, e) < 0 ||
	    kube_get(k->kube, "/version", kata_ask_ms(k), k->cancel, &version, e) < 0)
		return -e->code;
	add(items, "Kubernetes", json_get_str(version, "gitVersion"), k->config.server);
	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	for (size_t i = 0; i < json_len(c.installations); i++) {
		struct json_object *in = json_item(c.installations, i);
		_free_ char *what = xasprintf("installation %s", json_get_str(in, "installation"));

		add(items, what, json_get_str(in, "desired"), json_get_str(in, "image"));
	}
	return 0;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	add(items, "kubectl-kata", KATA_VERSION, "this program");
	add(items, "Kata Containers", KATA_COMPATIBLE, "it is compatible with");
	/* Who has no cluster at hand still wants to know. */
	if (add_cluster(k, items, e) >= 0)
		return 0;
	if (e->code == ECANCELED)
		return -e->code;
	view_say("the cluster does not say: %s", e->msg);
	return EXIT_PARTLY;
}

int cmd_version(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
