/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - what the Node object says about this installation.
 *
 * Labels: katacontainers.io/kata-runtime is "true" only after a sandbox of the version has answered
 * and "false" while something changes; RuntimeClasses select it.  A label of our own instance
 * stands beside it ("unsuitable" where the node is none for us), so that several installations on a
 * node do not take each other's away.  An annotation names the proof (version and configuration), a
 * condition says the same to people and monitors. Labels go by merge patch of the keys that are
 * ours, the condition by server-side apply.
 */
#include "deploy/node.h"

#include <string.h>

#include "deploy/adopt.h"
#include "deploy/asked.h"
#include "lib/host/store.h"
#include "lib/log.h"
#include "lib/timestamp.h"

const char *node_label(const struct facts *f)
{
	return f->settings->owner.label;
}

bool node_is_true(const char *value)
{
	return value && strcmp(value, "true") == 0;
}

/* Sets KEY, NULL meaning "remove": merge patches say that with null. */
static void set_or_remove(struct json_object *map, const char *key, const char *value)
{
	(void)json_object_object_add(map, key, value ? json_object_new_string(value) : NULL);
}

static struct node_marks read_marks(struct json_object *node, const char *key)
{
	struct json_object *labels = json_at(node, "metadata.labels");

	return (struct node_marks){
		.shared = json_member_str(labels, NODE_LABEL),
		.instance = json_member_str(labels, key),
		.proof = json_member_str(json_at(node, "metadata.annotations"), key),
	};
}

struct node_marks node_marks(const struct facts *f)
{
	return read_marks(f->node, node_label(f));
}

static char *node_path(const struct install *in)
{
	return xasprintf("/api/v1/nodes/%s", in->facts->settings->node_name);
}

int node_set_marks(const struct install *in, const struct node_marks *marks, struct error *e)
{
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *metadata = json_set_object(patch, "metadata");
	struct json_object *labels = json_set_object(metadata, "labels");
	struct json_object *annotations = json_set_object(metadata, "annotations");
	_free_ char *path = node_path(in);
	const char *key = node_label(in->facts);

	set_or_remove(labels, NODE_LABEL, marks->shared);
	set_or_remove(labels, key, marks->instance);
	set_or_remove(annotations, key, marks->proof);
	/* Nobody counts any more where nothing is installed. */
	if (!marks->instance)
		set_or_remove(annotations, in->facts->settings->stale_note, NULL);
	/* Undo comes here after a cancel as well. */
	return kube_merge(in->kube, path, patch, install_ask_ms(in), NULL, e);
}

int node_set_stale(const struct install *in, size_t count, struct error *e)
{
	const char *key = in->facts->settings->stale_note;
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *metadata = json_set_object(patch, "metadata");
	_free_ char *path = node_path(in);
	_free_ char *value = xasprintf("%zu", count);

	if (str_equal(json_member_str(json_at(in->facts->node, "metadata.annotations"), key),
		      value))
		return 0;
	json_set_str(json_set_object(metadata, "annotations"), key, value);
	return kube_merge(in->kube, path, patch, install_ask_ms(in), in->cancel, e);
}

bool node_is_out_of_reach(int r, const struct error *e)
{
	if (r != -EACCES && r != -ENOENT)
		return false;
	log_warn("the labels stay as they are: %s", e->msg);
	return true;
}

static struct json_object *find_condition(struct json_object *node, const char *type)
{
	return json_find(json_at(node, "status.conditions"), "type", type);
}

const char *node_condition_status(struct json_object *node, const char *type)
{
	return json_get_str(find_condition(node, type), "status");
}

/* Its time of transition is that of the one that is there, if that says the same. */
static void add_condition(const struct install *in, struct json_object *conditions,
			  const char *type, bool is_true, const char *reason, const char *message)
{
	struct json_object *before = find_condition(in->facts->node, type);
	const char *since = json_get_str(before, "lastTransitionTime");
	_free_ char *now = timestamp_now(TIMESTAMP_SECONDS);
	struct json_object *condition = json_object_new_object();
	const char *status = is_true ? "True" : "False";
	bool is_same = since && str_equal(json_get_str(before, "status"), status);

	json_set_str(condition, "type", type);
	json_set_str(condition, "status", status);
	json_set_str(condition, "reason", reason);
	json_set_str(condition, "message", message);
	json_set_str(condition, "lastTransitionTime", is_same ? since : now);
	json_set_str(condition, "lastHeartbeatTime", now);
	(void)json_object_array_add(conditions, condition);
}

/* The object to apply, but for its conditions.  Caller owns. */
static struct json_object *new_report(const struct install *in)
{
	struct json_object *object = json_object_new_object();

	json_set_str(object, "apiVersion", "v1");
	json_set_str(object, "kind", "Node");
	json_set_str(json_set_object(object, "metadata"), "name", in->facts->settings->node_name);
	return object;
}

/* What OBJECT does not name any more goes.  QUERY is empty, or "?..." for the API server. */
static int apply_report(const struct install *in, const char *query, struct json_object *object,
			struct error *e)
{
	_free_ char *path =
		xasprintf("/api/v1/nodes/%s/status%s", in->facts->settings->node_name, query);

	return kube_apply(in->kube, path, object, KUBE_TAKE_OVER, install_ask_ms(in), NULL, NULL,
			  e);
}

static int put_report(const struct install *in, const char *query, const struct node_report *r,
		      struct error *e)
{
	const struct settings *s = in->facts->settings;
	_json_ struct json_object *object = new_report(in);
	struct json_object *conditions =
		json_set_array(json_set_object(object, "status"), "conditions");

	add_condition(in, conditions, s->owner.condition, r->ready == NODE_READY, r->reason,
		      r->message);
	if (r->why)
		add_condition(in, conditions, s->upgraded, r->is_upgraded, r->why, r->what);
	return apply_report(in, query, object, e);
}

int node_unreport(const struct install *in, struct error *e)
{
	_json_ struct json_object *object = new_report(in);

	return apply_report(in, "", object, e);
}

int node_report(const struct install *in, const struct node_report *report, struct error *e)
{
	return put_report(in, "", report, e);
}

int node_condition(const struct install *in, enum node_state state, const char *reason,
		   const char *message, struct error *e)
{
	const struct node_report r = { .ready = state, .reason = reason, .message = message };

	return put_report(in, "", &r, e);
}

int node_may_have_condition(const struct install *in, struct error *e)
{
	const struct node_report r = {
		.ready = NODE_READY,
		.reason = "Asked",
		.message = "whether we may",
	};

	return put_report(in, "?dryRun=All", &r, e) < 0
		       ? fail_wrap(e, "asking for the right to set the node's condition")
		       : 0;
}

void node_event(const struct install *in, enum kube_event_type type, const char *reason,
		const char *note)
{
	const struct kube_event event = {
		.node = in->facts->settings->node_name,
		.node_uid = json_get_str(in->facts->node, "metadata.uid"),
		.type = type,
		.reason = reason,
		.action = "Install",
		.note = note,
	};
	struct error e;

	if (kube_event(in->kube, &event, install_ask_ms(in), NULL, &e) < 0)
		log_warn("%s", e.msg);
}

static const char *others_label(struct json_object *node, const char *own_key)
{
	struct json_object *labels = json_at(node, "metadata.labels");
	size_t family = strcspn(own_key, "/") + 1;
	const char *found = NULL;

	if (!json_object_is_type(labels, json_type_object))
		return NULL;
	json_object_object_foreach(labels, name, value)
	{
		if (strncmp(name, own_key, family) != 0 || strcmp(name, own_key) == 0)
			continue;
		if (node_is_true(json_object_get_string(value)))
			return "true";
		found = "false";
	}
	return found;
}

const char *node_others_label(const struct facts *f)
{
	return others_label(f->node, node_label(f));
}

static struct node_marks restored(struct json_object *node, const char *key,
				  const struct node_marks *before)
{
	const char *others = others_label(node, key);
	struct node_marks now = read_marks(node, key);
	bool is_ours = str_equal(now.instance, "false");
	bool is_shared_ours = others || str_equal(now.shared, "false");

	now.instance = is_ours ? before->instance : now.instance;
	now.proof = now.proof ? now.proof : before->proof;
	if (is_shared_ours)
		now.shared = node_is_true(now.instance) ? "true" : others ? others : before->shared;
	return now;
}

int node_restore_marks(const struct install *in, const struct node_marks *before, struct error *e)
{
	_free_ char *path = node_path(in);
	_json_ struct json_object *node = NULL;
	struct node_marks marks;
	int r = kube_get(in->kube, path, install_ask_ms(in), NULL, &node, e);

	if (r < 0)
		return r;
	marks = restored(node, node_label(in->facts), before);
	return node_set_marks(in, &marks, e);
}

struct node_marks node_marks_untrue(const struct facts *f)
{
	const char *others = node_others_label(f);

	return (struct node_marks){ .shared = others ? others : "false", .instance = "false" };
}

const char *node_condition_reason(const struct facts *f)
{
	return json_get_str(find_condition(f->node, f->settings->owner.condition), "reason");
}

const char *node_condition_message(const struct facts *f)
{
	return json_get_str(find_condition(f->node, f->settings->owner.condition), "message");
}

/* A failure that is over leaves the condition behind, and nothing else. */
bool node_is_ready(const struct facts *f)
{
	const struct node_marks now = node_marks(f);

	return node_is_true(now.shared) && node_is_true(now.instance) &&
	       str_equal(now.proof, f->proof) &&
	       str_equal(node_condition_status(f->node, f->settings->owner.condition), "True");
}

void node_upgraded_report(const struct facts *f, struct node_report *report)
{
	report->is_upgraded = facts_is_wanted(f);
	report->why = report->is_upgraded ? "Current" : NODE_ROLLED_BACK;
	report->what =
		report->is_upgraded
			? f->folder
			: "somebody went back to the version that is current; the other comes with "
			  "'kata-deploy rollback' once more, or with another image";
}

bool node_says_upgraded(const struct facts *f)
{
	struct json_object *now = find_condition(f->node, f->settings->upgraded);
	struct node_report wanted;

	node_upgraded_report(f, &wanted);
	return str_equal(json_get_str(now, "status"), wanted.is_upgraded ? "True" : "False") &&
	       (wanted.is_upgraded || str_equal(json_get_str(now, "reason"), wanted.why));
}

bool node_stays_ready(const struct facts *f, const struct assessment *others)
{
	return !assessment_matters(others) && node_is_ready(f);
}

static int mark_unsuitable(const struct install *in, struct error *e)
{
	const struct node_marks now = node_marks(in->facts);
	struct node_marks marks = node_marks_untrue(in->facts);

	marks.instance = NODE_UNSUITABLE;
	if (str_equal(now.shared, marks.shared) && str_equal(now.instance, marks.instance) &&
	    !now.proof)
		return 0;
	if (now.instance && adopt_is_anothers(in->facts))
		return 0;
	return node_set_marks(in, &marks, e);
}

int node_tell_unsuitable(const struct install *in, const char *reason, const char *message,
			 struct error *e)
{
	const struct facts *f = in->facts;
	struct json_object *now = find_condition(f->node, f->settings->owner.condition);

	if (mark_unsuitable(in, e) < 0)
		return -e->code;
	if (str_equal(json_get_str(now, "status"), "False") &&
	    str_equal(json_get_str(now, "reason"), reason) &&
	    str_equal(json_get_str(now, "message"), message))
		return 0;
	if (node_condition(in, NODE_NOT_READY, reason, message, e) < 0)
		return -e->code;
	node_event(in, KUBE_EVENT_NORMAL, "KataNotSuitable", message);
	return 0;
}

int node_is_installed(const struct install *in, const char *name, struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s", name);
	_json_ struct json_object *node = NULL;
	const char *label;
	int r = asked_get(in, path, &node, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r == -EACCES ? 1 : r;
	label = json_member_str(json_at(node, "metadata.labels"), node_label(in->facts));
	return label && strcmp(label, NODE_UNSUITABLE) != 0;
}

static bool has_version(const struct facts *f)
{
	_free_ char *current = NULL;
	struct error ignored;

	return store_current(f->root, &current, &ignored) >= 0 && current &&
	       store_has(f->root, current);
}

bool node_keeps(const struct facts *f)
{
	return node_is_true(node_marks(f).instance) && has_version(f) && !facts_is_unserved(f);
}

int node_retract(const struct install *in, struct error *e)
{
	const struct facts *f = in->facts;
	const struct node_marks marks = node_marks_untrue(f);

	if (!node_is_true(node_marks(f).instance) || node_keeps(f) || adopt_is_anothers(f))
		return 0;
	return node_set_marks(in, &marks, e);
}
