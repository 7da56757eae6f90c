/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-stale - the pods whose sandboxes run something else than their node would start now, and why.
 */
#include "deploy/kubectl/show.h"
#include "deploy/kubectl/stale.h"

static const struct column columns[] = {
	{ .title = "NAMESPACE", .member = "namespace" },
	{ .title = "POD", .member = "pod" },
	{ .title = "NODE", .member = "node" },
	{ .title = "SINCE", .member = "started", .form = COLUMN_AGE },
	{ .title = "RUNS", .member = "runs" },
	{ .title = "REASON", .member = "reason" },
	{ .title = "INSTALLATION", .member = "installation", .is_wide = true },
	{ .title = "SANDBOX", .member = "id", .is_wide = true },
};

static const struct view view = {
	.kind = "StaleSandboxList",
	.name_kind = "pod",
	.name = "pod",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };

	return cluster_read(k, &c, e) < 0 ? -e->code
					  : stale_read(k, &c, k->options->arguments[1], items, e);
}

int cmd_stale(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
