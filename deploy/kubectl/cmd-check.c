/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-check - what is wrong with the installations, as far as the cluster says.
 *
 * A row for each thing looked at.  "fail" is what keeps pods from running or a roll-out from going
 * on; "warn" what a person should know.
 */
#include <string.h>

#include "deploy/kubectl/cluster.h"
#include "deploy/kubectl/show.h"
#include "lib/kube/list.h"

static const struct column columns[] = {
	{ .title = "RESULT", .member = "result" },
	{ .title = "CHECK", .member = "check" },
	{ .title = "OBJECT", .member = "object" },
	{ .title = "MESSAGE", .member = "message" },
};

static const struct view view = {
	.kind = "CheckList",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

#define OK   "ok"
#define WARN "warn"
#define FAIL "fail"

static void add(struct json_object *items, const char *result, const char *check,
		const char *object, const char *message)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "result", result);
	json_set_str(item, "check", check);
	json_set_str(item, "object", object);
	json_set_str(item, "message", message);
	(void)json_object_array_add(items, item);
}

/* ---- installations ---- */

static void check_installation(struct json_object *items, struct json_object *in)
{
	const char *name = json_get_str(in, "installation");
	const char *rollout = json_get_str(in, "rollout");
	bool is_gone = !json_get_str(in, "daemonset");

	add(items, is_gone ? FAIL : OK, "daemonset", name,
	    is_gone ? "it is gone, and nodes have the installation: 'cleanup' removes what is left"
		    : json_get_str(in, "daemonset"));
	if (!is_gone)
		add(items,
		    json_get_int(in, "failed", 0) > 0 ? FAIL
		    : str_equal(rollout, "complete")  ? OK
						      : WARN,
		    "roll-out", name, rollout);
	if (json_get_int(in, "stale", 0) > 0)
		add(items, WARN, "stale", name, "some sandboxes are stale: 'stale' lists them");
}

/* ---- nodes ---- */

/* None where the engine reports no handlers at all. */
static bool lacks_handlers(struct json_object *node)
{
	struct json_object *handlers = json_at(node, "handlers");

	for (size_t i = 0; i < json_len(handlers); i++) {
		const char *name = json_get_str(json_item(handlers, i), "name");

		if (name && str_starts(name, "kata"))
			return false;
	}
	return json_len(handlers) > 1;
}

static void check_node(struct json_object *items, struct json_object *node)
{
	const char *state = json_get_str(node, "state");
	const char *reason = json_get_str(node, "reason");
	const char *message = json_get_str(node, "message");
	_free_ char *why = xasprintf("%s%s%s%s%s", state, reason ? ": " : "", reason ? reason : "",
				     message ? ": " : "", message ? message : "");

	if (strcmp(state, "ready") != 0 || reason)
		add(items,
		    strcmp(state, "unsuitable") == 0   ? OK
		    : strcmp(state, "installing") == 0 ? WARN
						       : FAIL,
		    "node", json_get_str(node, "node"), why);
	else if (lacks_handlers(node))
		add(items, FAIL, "handlers", json_get_str(node, "node"),
		    "it is labelled ready, and its container runtime has no handler of ours");
}

static unsigned count_ready(const struct cluster *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_len(c->nodes); i++)
		n += str_equal(json_get_str(json_item(c->nodes, i), "state"), "ready");
	return n;
}

static void check_nodes(struct json_object *items, const struct cluster *c)
{
	unsigned ready = count_ready(c);
	_free_ char *words = xasprintf("%u nodes are ready", ready);

	for (size_t i = 0; i < json_len(c->nodes); i++)
		check_node(items, json_item(c->nodes, i));
	add(items, ready > 0 ? OK : FAIL, "nodes", NULL, words);
}

/* ---- what belongs to the cluster ---- */

static int each_class(void *arg, struct json_object *class, struct error *e)
{
	const char *handler = json_get_str(class, "handler");

	(void)e;
	if (handler && (str_starts(handler, "kata-") || strcmp(handler, "kata") == 0))
		++*(unsigned *)arg;
	return 0;
}

static int check_classes(struct kata *k, struct json_object *items, struct error *e)
{
	_free_ char *words = NULL;
	unsigned n = 0;

	if (kube_list(k->kube, "/apis/node.k8s.io/v1/runtimeclasses", each_class, &n,
		      k->deadline_ms, k->cancel, e) < 0)
		return -e->code;
	words = xasprintf("%u RuntimeClasses lead to sandboxes", n);
	add(items, n > 0 ? OK : FAIL, "runtimeclasses", NULL, words);
	return 0;
}

/* ---- policies ---- */

#define ADMISSION "/apis/admissionregistration.k8s.io/v1/validatingadmission"

/* What keeps an installer's token to its own node. */
static const struct {
	const char *resource;
	const char *name; /* without a suffix: an overlay puts it behind, the chart into it */
} guards[] = {
	{ "nodes", "kata-deploy-nodes" },
	{ "runtimeclasses", "kata-deploy-runtimeclasses" },
	{ "events", "kata-deploy-events" },
};

struct policies {
	strv bound;                   /* names of those that something binds */
	struct json_object *in_force; /* owned: an array of them */
};

static int each_binding(void *arg, struct json_object *binding, struct error *e)
{
	struct policies *p = arg;
	const char *name = json_get_str(binding, "spec.policyName");

	(void)e;
	if (name)
		strv_add(&p->bound, name);
	return 0;
}

static int each_policy(void *arg, struct json_object *policy, struct error *e)
{
	struct policies *p = arg;
	const char *name = json_get_str(policy, "metadata.name");

	(void)e;
	if (name && strv_contains(p->bound, name))
		(void)json_object_array_add(p->in_force, json_object_get(policy));
	return 0;
}

/* EXPRESSION ends with ":NAME(-[^:]+)?$'", for the accounts NAME and NAME-SOMETHING of all
 * namespaces. */
static bool is_about_account(const char *expression, const char *account)
{
	const char *begin = strstr(expression, ":kata-deploy");
	size_t len = begin ? strcspn(begin + 1, "('$") : 0;

	return begin && strncmp(account, begin + 1, len) == 0 &&
	       (account[len] == '\0' || account[len] == '-');
}

static bool is_for(struct json_object *policy, const char *account)
{
	struct json_object *conditions = json_at(policy, "spec.matchConditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const char *expression = json_get_str(json_item(conditions, i), "expression");

		if (expression && is_about_account(expression, account))
			return true;
	}
	return false;
}

static bool is_about(struct json_object *policy, const char *resource)
{
	struct json_object *rules = json_at(policy, "spec.matchConstraints.resourceRules");

	for (size_t i = 0; i < json_len(rules); i++) {
		struct json_object *resources = json_at(json_item(rules, i), "resources");

		for (size_t j = 0; j < json_len(resources); j++)
			if (str_equal(json_object_get_string(json_item(resources, j)), resource))
				return true;
	}
	return false;
}

static const char *find_policy(const struct policies *p, const char *resource, const char *account)
{
	for (size_t i = 0; i < json_len(p->in_force); i++) {
		struct json_object *policy = json_item(p->in_force, i);

		if (is_about(policy, resource) && is_for(policy, account))
			return json_get_str(policy, "metadata.name");
	}
	return NULL;
}

/* One row for each account that lacks it, or one for all.  R is how the look at them went. */
static void check_guard(struct json_object *items, const struct cluster *c,
			const struct policies *p, size_t guard, int r)
{
	const char *name = NULL;
	bool lacks = false;

	for (size_t i = 0; i < json_len(c->installations); i++) {
		const char *account = json_get_str(json_item(c->installations, i),
						   "template.spec.serviceAccountName");
		_free_ char *words = NULL;

		if (!account)
			continue;
		name = find_policy(p, guards[guard].resource, account);
		if (name)
			continue;
		words = r == -EACCES ? xstrdup("you may not see it")
				     : xasprintf(
					       "it is not in force: the account '%s' may change "
					       "more than its own node",
					       account);
		add(items, WARN, "policy", guards[guard].name, words);
		lacks = true;
	}
	if (name && !lacks)
		add(items, OK, "policy", name, NULL);
}

static int read_policies(struct kata *k, struct policies *p, struct error *e)
{
	return kube_list(k->kube, ADMISSION "policybindings", each_binding, p, k->deadline_ms,
			 k->cancel, e) < 0
		       ? -e->code
		       : kube_list(k->kube, ADMISSION "policies", each_policy, p, k->deadline_ms,
				   k->cancel, e);
}

static int check_policies(struct kata *k, const struct cluster *c, struct json_object *items,
			  struct error *e)
{
	struct policies p = { .in_force = json_object_new_array() };
	int r = read_policies(k, &p, e);

	/* An API server before 1.30 has none. */
	if (r == -ENOENT || r == -EACCES || r >= 0) {
		for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
			check_guard(items, c, &p, i, r);
		r = 0;
	}
	strv_free(p.bound);
	json_putp(&p.in_force);
	return r;
}

static bool has_failed(struct json_object *items)
{
	return json_find(items, "result", FAIL) != NULL;
}

static int find(struct kata *k, struct json_object *items, struct error *e)
{
	_cluster_ struct cluster c = { 0 };

	if (cluster_read(k, &c, e) < 0)
		return -e->code;
	for (size_t i = 0; i < json_len(c.installations); i++)
		check_installation(items, json_item(c.installations, i));
	if (json_len(c.installations) == 0)
		add(items, FAIL, "installation", NULL, "there is none in this cluster");
	else
		check_nodes(items, &c);
	if (check_classes(k, items, e) < 0 || check_policies(k, &c, items, e) < 0)
		return -e->code;
	return has_failed(items) ? EXIT_FOUND : 0;
}

int cmd_check(struct kata *k, struct error *e)
{
	return kata_show(k, &view, find, e);
}
