/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-status - the installations of the cluster, one line each.
 */
#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/show.h"

static const struct column columns[] = {
	{ .title = "INSTALLATION", .member = "installation" },
	{ .title = "CURRENT", .member = "current" },
	{ .title = "DESIRED", .member = "desired" },
	{ .title = "NODES", .member = "nodes" },
	{ .title = "READY", .member = "ready" },
	{ .title = "UPDATED", .member = "updated" },
	{ .title = "STALE", .member = "stale" },
	{ .title = "ROLL-OUT", .member = "rollout" },
	{ .title = "FAILED", .member = "failed", .is_wide = true },
	{ .title = "NAMESPACE", .member = "namespace", .is_wide = true },
	{ .title = "DAEMONSET", .member = "daemonset", .is_wide = true },
	{ .title = "IMAGE", .member = "image", .is_wide = true },
};

static const struct view view = {
	.kind = "InstallationList",
	.name_kind = "installation",
	.name = "installation",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* What is for ourselves alone. */
static void trim(struct json_object *installation)
{
	static const char *const members[] = { "template", "selector",   "port",
					       "suffix",   "generation", "observed" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		json_object_object_del(installation, members[i]);
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };

	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	for (size_t i = 0; i < json_len(c.installations); i++) {
		struct json_object *installation = json_item(c.installations, i);

		trim(installation);
		(void)json_object_array_add(items, json_object_get(installation));
	}
	return 0;
}

int cmd_status(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
