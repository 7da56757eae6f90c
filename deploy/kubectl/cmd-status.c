/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-status - the installations of the cluster, one line each.
 *
 * Where a coordinator widens the roll-out, how far it is is what its custom resource says of the
 * present template; how long it is under way is counted here, or that would be written all the
 * time.  Without one, or for who may not see it, the picture of nodes and pods has to do.
 */
#include <time.h>

#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/show.h"
#include "lib/kube/list.h"
#include "lib/timestamp.h"

#define RESOURCES "/apis/katacontainers.io/v1alpha1/katainstallations"

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
	static const char *const members[] = { "template",   "selector", "port",     "suffix",
					       "generation", "observed", "revision", "undone" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		json_object_object_del(installation, members[i]);
}

/* ", 4 min" since the roll-out began; "" unless it is under way.  Caller frees. */
static char *duration_of(struct json_object *status, int64_t now_s)
{
	struct json_object *progressing =
		json_find(json_at(status, "conditions"), "type", "Progressing");
	const char *since = json_get_str(progressing, "lastTransitionTime");
	int64_t since_s;

	if (!str_equal(json_get_str(progressing, "status"), "True") || !since ||
	    !timestamp_parse(since, &since_s))
		return xstrdup("");
	return xasprintf(", %lld min", (long long)(now_s > since_s ? (now_s - since_s) / 60 : 0));
}

/* STATUS is of the template that IN has now, not of the one before. */
static bool is_about(struct json_object *status, struct json_object *in)
{
	const char *said = json_get_str(status, "revision"), *is = json_get_str(in, "revision");

	return str_equal(json_get_str(status, "image"), json_get_str(in, "image")) &&
	       (!said || !is || str_equal(said, is));
}

static int each_resource(void *arg, struct json_object *resource, struct error *e)
{
	const struct cluster *c = arg;
	struct json_object *in = cluster_installation(c, json_get_str(resource, "metadata.name"));
	struct json_object *status = json_at(resource, "status");
	const char *words = json_get_str(status, "rollout");
	_free_ char *duration = NULL;
	_free_ char *all = NULL;

	(void)e;
	if (!in || !json_get_str(in, "daemonset") || !words || !is_about(status, in))
		return 0;
	duration = duration_of(status, time(NULL));
	all = xasprintf("%s%s", words, duration);
	json_set_str(in, "rollout", all);
	return 0;
}

/* Without the kind, or the right to see it, there is nothing to add. */
static int add_resources(struct kata *k, struct cluster *c, struct error *e)
{
	int r = kube_list(k->kube, RESOURCES, each_resource, c, k->deadline_ms, k->cancel, e);

	return r == -ENOENT || r == -EACCES ? 0 : r;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };

	if (cluster_read(k, &c, e) < 0 || add_resources(k, &c, e) < 0)
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
