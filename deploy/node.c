/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - what the Node object says about this installation.
 *
 * Labels: katacontainers.io/kata-runtime is "true" only after a sandbox of the version has answered
 * and "false" while something changes; RuntimeClasses select it.  A label of our own instance
 * stands beside it, so that several installations on a node do not take each other's away.  An
 * annotation names the proof (version and configuration), a condition says the same to people and
 * monitors. Labels go by merge patch of the keys that are ours, the condition by server-side apply.
 */
#include "deploy/node.h"

#include <string.h>
#include <time.h>

#include "deploy/attempt.h"
#include "deploy/install.h"
#include "lib/host/store.h"
#include "lib/kube/event.h"
#include "lib/kube/watch.h"
#include "lib/log.h"

#define LABEL       "katacontainers.io/kata-runtime"
#define LABEL_OF    "kata-deploy.katacontainers.io/"
#define CONDITION   "KataReady"
#define HANDLERS_MS (120 * UINT64_C(1000))

static char *node_path(const struct install *in)
{
	return xasprintf("/api/v1/nodes/%s", in->settings->node_name);
}

static char *instance_key(const struct install *in)
{
	return xasprintf(LABEL_OF "%s", settings_instance(in->settings));
}

/* Names of labels have dots, so json_at() is not for them. */
static const char *member(struct json_object *map, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(map, key, &value))
		return NULL;
	return json_object_get_string(value);
}

static const char *label(const struct install *in, const char *key)
{
	return member(json_at(in->node_object, "metadata.labels"), key);
}

static bool is_true(const char *value)
{
	return value && strcmp(value, "true") == 0;
}

/* Sets KEY, NULL meaning "remove": merge patches say that with null. */
static void set_or_remove(struct json_object *map, const char *key, const char *value)
{
	(void)json_object_object_add(map, key, value ? json_object_new_string(value) : NULL);
}

struct marks {
	const char *shared;   /* label LABEL; NULL: remove */
	const char *instance; /* label of the instance; NULL: remove */
	const char *proof;    /* annotation; NULL: remove */
};

static int set_marks(struct install *in, const struct marks *marks, struct error *e)
{
	_json_ struct json_object *patch = json_object_new_object();
	struct json_object *metadata = json_set_object(patch, "metadata");
	struct json_object *labels = json_set_object(metadata, "labels");
	struct json_object *annotations = json_set_object(metadata, "annotations");
	_free_ char *path = node_path(in);
	_free_ char *key = instance_key(in);

	set_or_remove(labels, LABEL, marks->shared);
	set_or_remove(labels, key, marks->instance);
	set_or_remove(annotations, key, marks->proof);
	/* Undo comes here after a cancel as well. */
	return kube_merge(in->kube, path, patch, install_ask_ms(in), NULL, e);
}

/* RFC 3339 of now; caller frees. */
static char *time_text(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return xstrdup(text);
}

int node_condition(struct install *in, bool is_ready, const char *reason, const char *message,
		   struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s/status", in->settings->node_name);
	_free_ char *now = time_text();
	_json_ struct json_object *object = json_object_new_object();
	struct json_object *condition = json_object_new_object();

	json_set_str(object, "apiVersion", "v1");
	json_set_str(object, "kind", "Node");
	json_set_str(json_set_object(object, "metadata"), "name", in->settings->node_name);
	json_set_str(condition, "type", CONDITION);
	json_set_str(condition, "status", is_ready ? "True" : "False");
	json_set_str(condition, "reason", reason);
	json_set_str(condition, "message", message);
	json_set_str(condition, "lastTransitionTime", now);
	json_set_str(condition, "lastHeartbeatTime", now);
	(void)json_object_array_add(json_set_array(json_set_object(object, "status"), "conditions"),
				    condition);
	return kube_apply(in->kube, path, object, KUBE_TAKE_OVER, install_ask_ms(in), NULL, NULL,
			  e);
}

void node_event(struct install *in, bool is_warning, const char *reason, const char *note)
{
	const struct kube_event event = {
		.node = in->settings->node_name,
		.node_uid = json_get_str(in->node_object, "metadata.uid"),
		.type = is_warning ? KUBE_EVENT_WARNING : KUBE_EVENT_NORMAL,
		.reason = reason,
		.action = "Install",
		.note = note,
	};
	struct error e;

	if (kube_event(in->kube, &event, install_ask_ms(in), NULL, &e) < 0)
		log_warn("%s", e.msg);
}

/* Whether another installation on this node keeps the shared label. */
static const char *others_label(const struct install *in, const char *own_key)
{
	struct json_object *labels = json_at(in->node_object, "metadata.labels");
	const char *found = NULL;

	if (!json_object_is_type(labels, json_type_object))
		return NULL;
	json_object_object_foreach(labels, name, value)
	{
		if (!str_starts(name, LABEL_OF) || strcmp(name, own_key) == 0)
			continue;
		if (is_true(json_object_get_string(value)))
			return "true";
		found = "false";
	}
	return found;
}

/* What the labels say of a node that cannot start a sandbox of ours. */
static struct marks untrue(const struct install *in, const char *own_key)
{
	const char *others = others_label(in, own_key);

	return (struct marks){ .shared = others ? others : "false", .instance = "false" };
}

int claim_check(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *key = instance_key(in);

	(void)e;
	if (!in->is_changing)
		return 0;
	return !str_equal(label(in, key), "false") || !str_equal(label(in, LABEL), "false");
}

int claim_save(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	_free_ char *key = instance_key(in);
	struct marks before = {
		.shared = label(in, LABEL),
		.instance = label(in, key),
		.proof = member(json_at(in->node_object, "metadata.annotations"), key),
	};

	(void)e;
	/* A repair that fails leaves the node as bad as it was, and it has to say so. */
	if (in->is_unserved && is_true(before.instance))
		before = untrue(in, key);
	json_set_str(data, "shared", before.shared);
	json_set_str(data, "instance", before.instance);
	json_set_str(data, "proof", before.proof);
	return 0;
}

int claim_run(void *context, struct error *e)
{
	static const struct marks pending = { .shared = "false", .instance = "false" };

	return set_marks(context, &pending, e);
}

int claim_undo(void *context, struct json_object *data, struct error *e)
{
	const struct marks before = {
		.shared = json_get_str(data, "shared"),
		.instance = json_get_str(data, "instance"),
		.proof = json_get_str(data, "proof"),
	};
	int r = set_marks(context, &before, e);

	/* Nobody can do more, and the files must not stay for it.  "false" promises nothing. */
	if (r == -EACCES || r == -ENOENT) {
		log_warn("the labels stay as they are: %s", e->msg);
		return 0;
	}
	return r;
}

/* After a restart of the runtime the kubelet needs a moment to see the handlers. */
int handlers_check(void *context, struct error *e)
{
	struct install *in = context;

	(void)e;
	return in->restarts > 0;
}

/* The status of the condition TYPE; NULL if the node has none such. */
static const char *condition(struct json_object *node, const char *type)
{
	struct json_object *list = json_at(node, "status.conditions");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		if (str_equal(json_get_str(c, "type"), type))
			return json_get_str(c, "status");
	}
	return NULL;
}

/* A runtime that reports no features has its handlers unnamed in the status: nothing to wait for.
 */
static bool has_handlers(const struct install *in, struct json_object *node)
{
	struct json_object *list = json_at(node, "status.runtimeHandlers");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	_strv_ strv names = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = json_get_str(json_object_array_get_idx(list, i), "name");

		if (!str_empty(name))
			strv_add(&names, name);
	}
	for (size_t i = 0; names && i < in->n_offers; i++)
		if (!strv_contains(names, in->handlers[i].name))
			return false;
	return true;
}

struct waiting {
	const struct install *in;
	bool is_lacking; /* the node was Ready when it was seen last, and without our handlers */
};

static int on_node(void *arg, enum watch_type type, struct json_object *node, struct error *e)
{
	struct waiting *w = arg;
	bool is_ready = str_equal(condition(node, "Ready"), "True");

	if (type == WATCH_DELETED)
		return fail(e, ENOENT, "the node object was deleted");
	w->is_lacking = is_ready && !has_handlers(w->in, node);
	return is_ready && !w->is_lacking;
}

int handlers_run(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *selector = xasprintf("metadata.name=%s", in->settings->node_name);
	struct waiting waiting = { .in = in };
	const struct kube_watch watch = {
		.path = "/api/v1/nodes",
		.field_selector = selector,
		.handler = on_node,
		.arg = &waiting,
		.deadline_ms = deadline_in(HANDLERS_MS),
		.cancel = in->cancel,
	};
	int r = kube_watch(in->kube, &watch, e);

	if (r >= 0)
		return 0;
	(void)fail_wrap(e, "the kubelet does not report the node Ready with our handlers");
	if (r == -ETIMEDOUT && waiting.is_lacking)
		attempt_failed(in, e);
	return r;
}

int ready_check(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *key = instance_key(in);
	struct json_object *annotations = json_at(in->node_object, "metadata.annotations");

	(void)e;
	/* A failure that is over leaves the condition behind, and nothing else. */
	return in->is_changing || !is_true(label(in, LABEL)) || !is_true(label(in, key)) ||
	       !str_equal(member(annotations, key), in->proof) ||
	       !str_equal(condition(in->node_object, CONDITION), "True");
}

int ready_run(void *context, struct error *e)
{
	struct install *in = context;
	const struct marks ready = { .shared = "true", .instance = "true", .proof = in->proof };
	_free_ char *message = xasprintf("version %s, a sandbox with kernel %s answered",
					 in->folder, in->guest_kernel);

	if (node_condition(in, true, "SandboxAnswered", message, e) < 0 ||
	    set_marks(in, &ready, e) < 0)
		return -e->code;
	node_event(in, false, "KataInstalled", message);
	return 0;
}

int release_check(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *key = instance_key(in);

	(void)e;
	return in->node_object && label(in, key) != NULL;
}

int release_run(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *key = instance_key(in);
	const struct marks gone = { .shared = others_label(in, key) };
	struct error ignored;

	if (set_marks(in, &gone, e) < 0)
		return -e->code;
	if (node_condition(in, false, "Removed", "kata-deploy has removed Kata from this node",
			   &ignored) < 0)
		log_warn("%s", ignored.msg);
	return 0;
}

static bool has_version(const struct install *in)
{
	_free_ char *current = NULL;
	struct error ignored;

	return store_current(in->root, &current, &ignored) >= 0 && current &&
	       store_has(in->root, current);
}

int node_retract(struct install *in, struct error *e)
{
	_free_ char *key = instance_key(in);
	const struct marks marks = untrue(in, key);

	if (!is_true(label(in, key)) || (has_version(in) && !in->is_unserved))
		return 0;
	return set_marks(in, &marks, e);
}
