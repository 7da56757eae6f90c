/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-nodes - the nodes of the installations, or one of them.
 */
#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/show.h"

static const struct column columns[] = {
	{ .title = "NODE", .member = "node" },
	{ .title = "INSTALLATION", .member = "installation" },
	{ .title = "STATE", .member = "state" },
	{ .title = "VERSION", .member = "version" },
	{ .title = "STALE", .member = "stale" },
	{ .title = "REASON", .member = "reason" },
	{ .title = "UPDATED", .member = "updated", .is_wide = true },
	{ .title = "POD", .member = "pod", .is_wide = true },
	{ .title = "RUNTIME", .member = "containerRuntime", .is_wide = true },
	{ .title = "MESSAGE", .member = "message", .is_wide = true },
};

static const struct view view = {
	.kind = "NodeList",
	.name_kind = "node",
	.name = "node",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	const char *name = k->options->arguments[1];
	_cluster_ struct cluster c = { 0 };

	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	for (size_t i = 0; i < json_len(c.nodes); i++) {
		struct json_object *node = json_item(c.nodes, i);

		if (!name || str_equal(json_get_str(node, "node"), name))
			(void)json_object_array_add(items, json_object_get(node));
	}
	return name && json_len(items) == 0 ? fail(e, ENOENT, "node '%s' has no installation", name)
					    : 0;
}

int cmd_nodes(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
