/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wish - is a pod of ours that ends only being replaced, does this node leave, or does all end?
 *
 * The DaemonSet says it, and its controller's rules are ours: what it would not place here again
 * leaves, since nobody would look after the node any more.  A DaemonSet that is gone is no proof of
 * the end: "kubectl replace --force" deletes one to make it anew, and an orphaned pod ends alone
 * while others go on.  So it is looked for twice, and what belongs to the cluster goes with the
 * last node (steps/unclass.c).  One thread; may block.
 */
#include "deploy/wish.h"

#include <string.h>

#include "deploy/node.h"
#include "lib/kube/list.h"
#include "lib/log.h"

/* ---- the controller's rules ---- */

static bool has_all(struct json_object *labels, struct json_object *selector)
{
	if (!json_object_is_type(selector, json_type_object))
		return true;
	json_object_object_foreach(selector, key, wanted)
	{
		if (!str_equal(json_member_str(labels, key), json_object_get_string(wanted)))
			return false;
	}
	return true;
}

static bool is_among(struct json_object *values, const char *value)
{
	for (size_t i = 0; value && i < json_len(values); i++)
		if (str_equal(json_object_get_string(json_item(values, i)), value))
			return true;
	return false;
}

static bool is_beyond(struct json_object *values, const char *value, int sign)
{
	const char *limit =
		json_len(values) == 1 ? json_object_get_string(json_item(values, 0)) : NULL;
	struct error ignored;
	int64_t a, b;

	return value && limit &&
	       parse_i64(value, "label", INT64_MIN, INT64_MAX, &a, &ignored) >= 0 &&
	       parse_i64(limit, "label", INT64_MIN, INT64_MAX, &b, &ignored) >= 0 &&
	       (sign > 0 ? a > b : a < b);
}

/* VALUE is NULL where the node has no such label.  An operator that is not known shall not take an
 * installation away. */
static bool fulfils(struct json_object *requirement, const char *value)
{
	const char *operator= json_get_str(requirement, "operator");
	struct json_object *values = json_at(requirement, "values");

	if (str_equal(operator, "In"))
		return is_among(values, value);
	if (str_equal(operator, "NotIn"))
		return !is_among(values, value);
	if (str_equal(operator, "Exists"))
		return value;
	if (str_equal(operator, "DoesNotExist"))
		return !value;
	if (str_equal(operator, "Gt"))
		return is_beyond(values, value, 1);
	if (str_equal(operator, "Lt"))
		return is_beyond(values, value, -1);
	return true;
}

/* One without any requirement matches nothing. */
static bool matches_term(struct json_object *term, struct json_object *node)
{
	struct json_object *expressions = json_at(term, "matchExpressions");
	struct json_object *fields = json_at(term, "matchFields");
	struct json_object *labels = json_at(node, "metadata.labels");

	for (size_t i = 0; i < json_len(expressions); i++) {
		struct json_object *x = json_item(expressions, i);

		if (!fulfils(x, json_member_str(labels, json_get_str(x, "key"))))
			return false;
	}
	for (size_t i = 0; i < json_len(fields); i++)
		if (!fulfils(json_item(fields, i), json_get_str(node, "metadata.name")))
			return false;
	return json_len(expressions) + json_len(fields) > 0;
}

static bool has_affinity(struct json_object *spec, struct json_object *node)
{
	struct json_object *required = json_at(
		spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	struct json_object *terms = json_at(required, "nodeSelectorTerms");

	if (!required)
		return true;
	for (size_t i = 0; i < json_len(terms); i++)
		if (matches_term(json_item(terms, i), node))
			return true;
	return false;
}

/* Of an operator that compares in another way, as with numbers, the same holds as above. */
static bool tolerates(struct json_object *toleration, struct json_object *taint)
{
	const char *key = json_get_str(toleration, "key");
	const char *effect = json_get_str(toleration, "effect");
	const char *relation = json_get_str(toleration, "operator");
	const char *value = json_get_str(toleration, "value");
	const char *tainted = json_get_str(taint, "value");
	bool compares = str_empty(relation) || str_equal(relation, "Equal");

	if (!str_empty(effect) && !str_equal(effect, json_get_str(taint, "effect")))
		return false;
	if (str_empty(key))
		return str_equal(relation, "Exists");
	return str_equal(key, json_get_str(taint, "key")) &&
	       (!compares || str_equal(value ? value : "", tainted ? tainted : ""));
}

static bool tolerates_taint(struct json_object *spec, struct json_object *taint)
{
	struct json_object *tolerations = json_at(spec, "tolerations");
	const char *key = json_get_str(taint, "key");

	if (!key || str_starts(key, "node.kubernetes.io/") ||
	    str_equal(json_get_str(taint, "effect"), "PreferNoSchedule"))
		return true;
	for (size_t i = 0; i < json_len(tolerations); i++)
		if (tolerates(json_item(tolerations, i), taint))
			return true;
	return false;
}

static bool tolerates_all(struct json_object *spec, struct json_object *node)
{
	struct json_object *taints = json_at(node, "spec.taints");

	for (size_t i = 0; i < json_len(taints); i++)
		if (!tolerates_taint(spec, json_item(taints, i)))
			return false;
	return true;
}

bool wish_selects(struct json_object *daemonset, struct json_object *node)
{
	struct json_object *spec = json_at(daemonset, "spec.template.spec");
	const char *name = json_get_str(spec, "nodeName");

	return (str_empty(name) || str_equal(name, json_get_str(node, "metadata.name"))) &&
	       has_all(json_at(node, "metadata.labels"), json_at(spec, "nodeSelector")) &&
	       has_affinity(spec, node) && tolerates_all(spec, node);
}

/* ---- what the cluster says ---- */

enum presence_of { HERE, GOING, GONE };

static int look_at(const struct install *in, const char *path, enum presence_of *ret_presence,
		   struct json_object **ret_object, struct error *e)
{
	int r = kube_get(in->kube, path, install_ask_ms(in), in->cancel, ret_object, e);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_presence = r < 0                                                ? GONE
			: json_at(*ret_object, "metadata.deletionTimestamp") ? GOING
									     : HERE;
	return 0;
}

/* A namespace that is deleted takes its pods before or after its DaemonSet, as it happens.  The
 * right to see it is no condition of an installation. */
static int is_namespace_going(const struct install *in, struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/namespaces/%s", in->facts->settings->namespace);
	_json_ struct json_object *namespace = NULL;
	enum presence_of presence = HERE;
	int r = look_at(in, path, &presence, &namespace, e);

	if (r < 0)
		return r == -EACCES ? 0 : r;
	return presence != HERE;
}

/* As long as a refusal has to last. */
static int look_twice(const struct install *in, const char *path, enum presence_of *ret_presence,
		      struct json_object **ret_daemonset, struct error *e)
{
	uint64_t pause_ms = in->facts->settings->refused_wait_s * UINT64_C(1000);
	int r = look_at(in, path, ret_presence, ret_daemonset, e);

	if (r < 0 || *ret_presence != GONE || pause_ms == 0)
		return r;
	r = is_namespace_going(in, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = wait_pause(pause_ms, path, NO_DEADLINE, in->cancel, e);
	return r < 0 ? r : look_at(in, path, ret_presence, ret_daemonset, e);
}

/* What the cluster says of our DaemonSet and of this node. */
static int look(struct facts *f, const struct install *in, struct error *e)
{
	_free_ char *path = xasprintf("/apis/apps/v1/namespaces/%s/daemonsets/%s",
				      f->settings->namespace, f->settings->daemonset_name);
	_json_ struct json_object *daemonset = NULL;
	enum presence_of presence = HERE;
	int going = 0;
	int r = look_twice(in, path, &presence, &daemonset, e);

	if (r >= 0 && presence == HERE)
		going = is_namespace_going(in, e);
	if (r < 0 || going < 0)
		return -e->code;
	if (presence != HERE || going) {
		f->wish = WISH_END;
		return 0;
	}
	r = facts_read_node(f, in, e);
	if (r < 0 && r != -ENOENT)
		return r;
	f->wish = f->node && wish_selects(daemonset, f->node) ? WISH_STAY : WISH_LEAVE;
	return 0;
}

/* A right that is gone means that the installation is being deleted, and the pods' role or account
 * with it.  The client has asked for as long as a refusal may pass (KATA_REFUSED_WAIT). */
int wish_read(struct facts *f, const struct install *in, struct error *e)
{
	int r = look(f, in, e);

	if (r != -EACCES)
		return r;
	log_warn("%s; taken for the end of the installation", e->msg);
	f->wish = WISH_END;
	return 0;
}

/* The label alone can be that of upstream's kata-deploy, which leaves no proof beside it. */
static bool has_ours(const struct settings *s, struct json_object *node)
{
	const char *label = json_member_str(json_at(node, "metadata.labels"), s->owner.label);
	const char *proof = json_member_str(json_at(node, "metadata.annotations"), s->owner.label);

	return proof || !node_is_true(label);
}

struct search {
	const struct settings *settings;
	bool is_found;
};

/* One is enough: the list ends there. */
static int find_other(void *arg, struct json_object *node, struct error *e)
{
	struct search *search = arg;
	const struct settings *s = search->settings;
	const char *name = json_get_str(node, "metadata.name");

	if (str_equal(name, s->node_name) || !has_ours(s, node))
		return 0;
	search->is_found = true;
	return fail(e, EEXIST, "node '%s' has it, too", name);
}

int wish_is_elsewhere(const struct install *in, struct error *e)
{
	const struct settings *s = in->facts->settings;
	/* Those that it is nothing for use no class. */
	_free_ char *path = xasprintf("/api/v1/nodes?labelSelector=%s,%s!%%3D" NODE_UNSUITABLE,
				      s->owner.label, s->owner.label);
	struct search search = { .settings = s };
	int r = kube_list(in->kube, path, find_other, &search, install_ask_ms(in), in->cancel, e);

	return search.is_found ? 1 : r;
}
