/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handlers - wait until the kubelet has seen the handlers: after a restart of the engine it needs a
 * moment.
 */
#include "deploy/attempt.h"
#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/kube/watch.h"

#define HANDLERS_MS (120 * UINT64_C(1000))

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	(void)context;
	(void)e;
	if (assessment_has(others, EFFECT_RESTART))
		change_add(ret_change, EFFECT_PROBE, "status of the node",
			   "the kubelet sees the engine again and its handlers anew");
	return 0;
}

/* A runtime that reports no features has its handlers unnamed in the status: nothing to wait for.
 */
static bool has_handlers(const struct facts *f, struct json_object *node)
{
	struct json_object *list = json_at(node, "status.runtimeHandlers");
	size_t n = json_len(list);
	_strv_ strv names = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = json_get_str(json_item(list, i), "name");

		if (!str_empty(name))
			strv_add(&names, name);
	}
	for (size_t i = 0; names && i < f->n_offers; i++)
		if (!strv_contains(names, f->handlers[i].name))
			return false;
	return true;
}

struct waiting {
	const struct facts *facts;
	bool is_lacking; /* the node was Ready when it was seen last, and without our handlers */
};

static int on_node(void *arg, enum watch_type type, struct json_object *node, struct error *e)
{
	struct waiting *w = arg;
	bool is_ready = str_equal(node_condition_status(node, "Ready"), "True");

	if (type == WATCH_DELETED)
		return fail(e, ENOENT, "the node object was deleted");
	w->is_lacking = is_ready && !has_handlers(w->facts, node);
	return is_ready && !w->is_lacking;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	_free_ char *selector = xasprintf("metadata.name=%s", in->facts->settings->node_name);
	struct waiting waiting = { .facts = in->facts };
	const struct kube_watch watch = {
		.path = "/api/v1/nodes",
		.field_selector = selector,
		.handler = on_node,
		.arg = &waiting,
		.deadline_ms = deadline_in(HANDLERS_MS),
		.cancel = in->cancel,
	};
	int r = kube_watch(in->kube, &watch, e);

	(void)change;
	if (r >= 0)
		return 0;
	(void)fail_wrap(e, "the kubelet does not report the node Ready with our handlers");
	if (r == -ETIMEDOUT && waiting.is_lacking)
		attempt_failed(in, e);
	return r;
}

const struct step step_handlers = {
	.name = "handlers",
	.purpose = "wait for the kubelet",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
