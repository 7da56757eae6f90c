/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-rollback - take nodes back to the version that was current before.
 *
 * The node's own program does it ("kata-deploy rollback"), in a pod like the DaemonSet's that goes
 * again.  Of several nodes one after the other: one that fails does not keep the others from going
 * back.  All are those that have what the DaemonSet wants: a node that did not get it yet has
 * nothing to go back from, and one that went back would go forward again, so that who asks twice,
 * or once more after an interruption, gets what one time gives.
 */
#include <string.h>

#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/errand.h"
#include "deploy/kubectl/show.h"

static const struct column columns[] = {
	{ .title = "NODE", .member = "node" },
	{ .title = "FROM", .member = "version" },
	{ .title = "RESULT", .member = "result" },
	{ .title = "MESSAGE", .member = "message" },
};

static const struct view view = {
	.kind = "RollbackList",
	.name_kind = "node",
	.name = "node",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* The last line, which says how it ended. */
static const char *last_line(char *log)
{
	char *text = str_trim(log);
	const char *newline = strrchr(text, '\n');

	return newline ? newline + 1 : text;
}

static void tell(struct json_object *items, struct json_object *node, const char *result,
		 const char *message)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "node", json_get_str(node, "node"));
	json_set_str(item, "version", json_get_str(node, "version"));
	json_set_str(item, "result", result);
	json_set_str(item, "message", message);
	(void)json_object_array_add(items, item);
}

/* What STATUS of the node's program means. */
static const char *result_of(const struct kata *k, int status)
{
	/* Of a dry run: nothing would change, something would, an error. */
	static const char *const dry[] = { "stays", "would go back" };

	if (!k->options->is_dry)
		return status == 0 ? "went back" : "failed";
	return status >= 0 && (size_t)status < ARRAY_SIZE(dry) ? dry[status] : "failed";
}

static int roll_back(struct kata *k, struct json_object *installation, struct json_object *node,
		     struct json_object *items, struct error *e)
{
	bool is_dry = k->options->is_dry;
	_strv_ strv args = strv_split(is_dry ? "--dry-run rollback" : "rollback", " ");
	const struct errand errand = {
		.installation = installation,
		.node = json_get_str(node, "node"),
		.args = args,
		.access = is_dry ? ERRAND_READS : ERRAND_WRITES,
	};
	_free_ char *log = NULL;
	int status = errand_run(k, &errand, &log, e);
	const char *result = result_of(k, status);

	tell(items, node, result, status < 0 ? e->msg : last_line(log));
	if (status == -ECANCELED)
		return status;
	return strcmp(result, "failed") == 0 ? EXIT_PARTLY : 0;
}

static bool is_wanted(const struct kata *k, struct json_object *installation,
		      struct json_object *node)
{
	const char *name = k->options->arguments[1];

	return str_equal(json_get_str(node, "installation"),
			 json_get_str(installation, "installation")) &&
	       json_get_str(node, "version") &&
	       (!name || str_equal(json_get_str(node, "node"), name));
}

/* Why NODE stays when all go back; NULL: it goes.  Caller frees. */
static char *why_not(struct json_object *node)
{
	const char *reason = json_get_str(node, "reason");
	const char *message = json_get_str(node, "message");

	if (reason)
		return xasprintf("%s: %s", reason, message ? message : "");
	return json_get_bool(node, "updated", false)
		       ? NULL
		       : xstrdup("it has not got what the DaemonSet wants");
}

static int each_wanted(struct kata *k, struct json_object *installation, struct json_object *node,
		       struct json_object *items, struct error *e)
{
	_free_ char *why = k->options->is_all ? why_not(node) : NULL;

	if (!why)
		return roll_back(k, installation, node, items, e);
	tell(items, node, "stays", why);
	return 0;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	struct json_object *installation;
	_cluster_ struct cluster c = { 0 };
	int status = 0;

	if (cluster_read(k, &c, e) < 0 || cluster_one(k, &c, &installation, e) < 0)
		return -e->code;
	for (size_t i = 0; i < json_len(c.nodes); i++) {
		struct json_object *node = json_item(c.nodes, i);
		int r;

		if (!is_wanted(k, installation, node))
			continue;
		r = each_wanted(k, installation, node, items, e);
		if (r < 0)
			return r;
		status = r ? r : status;
	}
	return json_len(items) > 0 ? status
				   : fail(e, ENOENT, "no node that was named has a version");
}

int cmd_rollback(struct kata *k, struct error *e)
{
	/* Nobody shall take a cluster back by forgetting a word. */
	if (!k->options->arguments[1] == !k->options->is_all)
		return fail(e, EINVAL, "it is 'rollback NODE' or 'rollback --all'");
	return kata_show(k, &view, find, e);
}
