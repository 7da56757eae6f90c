/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-plan - what the next installation would change on a node, as the node itself sees it.
 *
 * The node's own program says it ("kata-deploy plan", lib/host/plan-show.c), in a pod that mounts
 * everything read-only and goes again.  Its exit status is ours.
 */
#include <string.h>

#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/errand.h"
#include "lib/kube/apply.h"

static int must_exist(struct kata *k, const char *node, struct error *e)
{
	_free_ char *escaped = http_escape(node);
	_free_ char *path = xasprintf("/api/v1/nodes/%s", escaped);

	return kube_get(k->kube, path, kata_ask_ms(k), k->cancel, NULL, e);
}

static bool is_for_programs(const struct kata *k)
{
	return k->format == VIEW_JSON || k->format == VIEW_YAML;
}

/* The log has what went to standard error, too; the object begins and ends with a line of its own.
 */
static int find_object(const char *log, struct json_object **ret_object, struct error *e)
{
	const char *begin = str_starts(log, "{\n") ? log : strstr(log, "\n{\n");
	const char *end = begin ? strstr(begin + 1, "\n}\n") : NULL;

	if (!end)
		return fail(e, EPROTO, "the node said no plan: %.400s", log);
	return json_parse(begin, (size_t)(end + 3 - begin), "plan", ret_object, e);
}

static int show(struct kata *k, const char *log, struct error *e)
{
	_json_ struct json_object *plan = NULL;

	if (!is_for_programs(k)) {
		view_text(log, k->out);
		return 0;
	}
	if (find_object(log, &plan, e) < 0)
		return -e->code;
	view_object(plan, k->format, k->out);
	return 0;
}

int cmd_plan(struct kata *k, struct error *e)
{
	struct errand errand = {
		.node = k->options->arguments[1],
		.image = k->options->image,
		.access = ERRAND_READS,
	};
	_cluster_ struct cluster c = { 0 };
	_strv_ strv args = strv_split("--log-level error plan -o", " ");
	_free_ char *log = NULL;
	int status;

	if (k->format == VIEW_NAME || k->format == VIEW_WIDE)
		return fail(e, EINVAL, "a plan is a table, json or yaml");
	if (cluster_read(k, &c, e) < 0 || cluster_one(k, &c, &errand.installation, e) < 0 ||
	    must_exist(k, errand.node, e) < 0)
		return -e->code;
	strv_add(&args, is_for_programs(k) ? "json" : "text");
	errand.args = args;
	status = errand_run(k, &errand, &log, e);
	if (status < 0)
		return status;
	/* An error is one line of the log. */
	if (status > EXIT_FOUND)
		return fail(e, ECHILD, "node '%s': %.400s", errand.node, str_trim(log));
	return show(k, log, e) < 0 ? -e->code : status;
}
