/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cri - make our handlers the container engine's.
 *
 * The node's kubelet must use the very engine that listens on the socket.  It is restarted only if
 * its configuration changes, or if what it says it uses is not what is configured, and not for a
 * configuration that has failed, nor without an end.
 */
#include "deploy/attempt.h"
#include "deploy/restarts.h"
#include "deploy/runtime.h"

/* Its own, and that of its undo. */
#define RESTARTS_OF_A_CHANGE 2

/* A node that has just come does not say yet. */
static int must_be_the_kubelets(const struct facts *f, struct error *e)
{
	const char *version = json_get_str(f->node, "status.nodeInfo.containerRuntimeVersion");

	return str_empty(version) ? 0 : engine_must_be(&f->engine, version, e);
}

/* The handler that the running engine lacks or has differently. */
static int add_lack(const struct facts *f, struct change *c, struct error *e)
{
	const struct handler *lacking;
	_free_ char *why = NULL;

	if (f->no_status.code) {
		*e = f->no_status;
		return -e->code;
	}
	lacking = endpoint_lacks(&f->status, f->handlers, f->n_offers);
	if (!lacking)
		return 0;
	why = xasprintf("it does not use the handler '%s' as it is configured", lacking->name);
	runtime_add_restart(f, c, why);
	return 0;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	struct change *c = ret_change;
	struct error refusal;
	const struct handlers handlers = facts_handlers(f);
	int r = f->engine.driver->plan(&f->engine, &handlers, &c->edit, e);

	(void)others;
	if (r >= 0 && edit_is_needed(&c->edit)) {
		change_add_edit(c, &c->edit, "it does not have our handlers as they shall be");
		runtime_add_restart(f, c, "its configuration changes");
	} else if (r >= 0) {
		r = add_lack(f, c, e);
	}
	if (r >= 0 && !change_is_needed(c))
		return 0;
	/* The better reason, where there are two. */
	if (must_be_the_kubelets(f, &refusal) < 0)
		*e = refusal;
	else if (r >= 0 && attempt_must_be_new(f, &c->edit, e) >= 0)
		return restarts_must_be_left(f, RESTARTS_OF_A_CHANGE, e);
	return -e->code;
}

static int run(void *context, const struct change *change, struct error *e)
{
	attempt_begin(context, &change->edit);
	return runtime_configure(context, change, e);
}

const struct step step_cri = {
	.name = "cri",
	.purpose = "configure the container runtime",
	.assess = assess,
	.run = run,
	.save = runtime_save,
	.undo = runtime_undo,
};
