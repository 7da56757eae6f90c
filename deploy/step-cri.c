/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step-cri - check the node, configure its container runtime, and prove it with a sandbox.
 *
 * The node's kubelet must use the very runtime that listens on the socket.  That one validates the
 * new configuration before it is in place ("config dump" by the binary that is running, on the
 * node): it must parse, keep every handler there was and have ours.  Then it is written, and the
 * runtime restarted, only if something differs from what the running one says it uses.  Afterwards
 * its CRI service is asked; the undo brings the old text back (where somebody else changed the file
 * since, only our part of it) and asks again.  Nobody waits for more than was there: where the CRI
 * service did not answer before, an undo or a removal does not ask it afterwards.  An undo never
 * looks at the cancel: it must end.
 */
#include "deploy/install.h"

#include <string.h>

#include "deploy/attempt.h"
#include "lib/host/endpoint.h"
#include "lib/host/hostcheck.h"
#include "lib/log.h"

#define VALIDATE_MS (60 * UINT64_C(1000))
#define RESTART_MS  (120 * UINT64_C(1000))
#define SETTLE_MS   (120 * UINT64_C(1000))
#define CANARY_MS   (180 * UINT64_C(1000))
#define WAS_SERVING "served"

static int plan_edit(const struct install *in, enum presence presence, struct edit *edit,
		     struct error *e)
{
	const struct handlers handlers = install_handlers(in, presence);

	return in->engine.driver->plan(&in->engine, &handlers, edit, e);
}

/* A node that has just come does not say yet. */
static int must_be_the_kubelets(const struct install *in, struct error *e)
{
	const char *version =
		json_get_str(in->node_object, "status.nodeInfo.containerRuntimeVersion");

	return str_empty(version) ? 0 : engine_must_be(&in->engine, version, e);
}

int host_check(void *context, struct error *e)
{
	struct install *in = context;

	if (!in->node_object)
		return fail(e, ENOENT,
			    "node '%s' cannot be read; is NODE_NAME right, and does the service "
			    "account have the role of manifests/?",
			    in->settings->node_name);
	return in->is_changing;
}

int host_run(void *context, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };
	_strv_ strv warnings = NULL;
	struct host_facts facts = {
		.arch = in->release.arch,
		.root = in->root,
		.sys = "/sys",
		.proc = "/proc",
		.allow_emulation = true,
	};
	int r;

	if (must_be_the_kubelets(in, e) < 0 || plan_edit(in, HANDLERS_PRESENT, &edit, e) < 0 ||
	    attempt_begin(in, &edit, e) < 0)
		return -e->code;
	for (size_t i = 0; i < in->n_offers; i++)
		facts.allow_emulation &= offer_bool(&in->offers[i], NULL, "allow_emulation", false);
	r = hostcheck_run(&facts, &warnings, e);
	for (char **w = warnings; w && *w; w++)
		log_warn("%s", *w);
	return r;
}

/* 1 if the running runtime does not use what is configured. */
static int is_behind(const struct install *in, struct error *e)
{
	_cri_status_ struct cri_status s = { 0 };
	int r = in->engine.driver->status(in->engine.socket, deadline_in(SETTLE_MS), in->cancel, &s,
					  e);

	if (r < 0)
		return r;
	return endpoint_lacks(&s, in->handlers, in->n_offers) != NULL;
}

int cri_check(void *context, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (in->is_settled)
		return 0;
	if (plan_edit(in, HANDLERS_PRESENT, &edit, e) < 0)
		return -e->code;
	return edit_is_needed(&edit) ? 1 : is_behind(in, e);
}

/* What cannot be asked does not serve. */
static bool is_serving(const struct install *in, struct cri_status *ret_status)
{
	struct error ignored;

	return in->engine.driver->status(in->engine.socket, deadline_in(SETTLE_MS), in->cancel,
					 ret_status, &ignored) >= 0 &&
	       ret_status->is_ready;
}

static int save(const struct install *in, enum presence presence, struct json_object *data,
		struct error *e)
{
	_cri_status_ struct cri_status now = { 0 };
	_edit_ struct edit edit = { 0 };

	if (plan_edit(in, presence, &edit, e) < 0)
		return -e->code;
	edit_save(&edit, data);
	json_set_bool(data, WAS_SERVING, is_serving(in, &now));
	return 0;
}

int cri_save(void *context, struct json_object *data, struct error *e)
{
	return save(context, HANDLERS_PRESENT, data, e);
}

static int restart(struct install *in, const struct cancel *cancel, struct error *e)
{
	const char *along = in->engine.flavour->takes_along;

	in->restarts++;
	log_info("restarting %s%s%s", in->engine.driver->name, along ? ", and with it " : "",
		 along ? along : "");
	return engine_activate(&in->engine, deadline_in(RESTART_MS), cancel, e);
}

static int restart_and_wait(struct install *in, enum presence presence, const struct cancel *cancel,
			    struct error *e)
{
	const struct engine *engine = &in->engine;
	size_t n = presence == HANDLERS_PRESENT ? in->n_offers : 0;

	if (restart(in, cancel, e) < 0)
		return -e->code;
	if (endpoint_wait(engine->socket, in->handlers, n, deadline_in(SETTLE_MS), cancel, e) >= 0)
		return 0;
	(void)fail_wrap(e, "%s after its restart", engine->driver->name);
	if (presence == HANDLERS_PRESENT)
		attempt_failed(in, e);
	return -e->code;
}

/* Everybody's pods depend on what was there. */
static int must_keep(const struct install *in, const struct cri_status *before, struct error *e)
{
	_cri_status_ struct cri_status now = { 0 };
	int r = in->engine.driver->status(in->engine.socket, deadline_in(SETTLE_MS), in->cancel,
					  &now, e);

	if (r < 0)
		return r;
	r = endpoint_compare(before, &now, e);
	if (r < 0)
		attempt_failed(in, e);
	return r;
}

static int configure(struct install *in, enum presence presence, struct error *e)
{
	const struct engine *engine = &in->engine;
	const struct handlers handlers = install_handlers(in, presence);
	_edit_ struct edit edit = { 0 };
	_cri_status_ struct cri_status before = { 0 };
	bool shall_serve = is_serving(in, &before) || presence == HANDLERS_PRESENT;

	if (plan_edit(in, presence, &edit, e) < 0)
		return -e->code;
	if (edit_is_needed(&edit) &&
	    (engine->driver->validate(engine, &edit, &handlers, deadline_in(VALIDATE_MS),
				      in->cancel, e) < 0 ||
	     edit_apply(&edit, e) < 0))
		return -e->code;
	in->writes += edit_changes(&edit);
	if (!shall_serve)
		return restart(in, in->cancel, e);
	if (restart_and_wait(in, presence, in->cancel, e) < 0)
		return -e->code;
	return presence == HANDLERS_PRESENT ? must_keep(in, &before, e) : 0;
}

int cri_run(void *context, struct error *e)
{
	return configure(context, HANDLERS_PRESENT, e);
}

int cri_undo(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	int changed;

	in->engine.driver->clear(&in->engine);
	changed = edit_restore(data, in->engine.driver->merge, &in->engine, e);

	/* What killed that run or its undo can have come between the files and the restart. */
	if (changed < 0 || (changed == 0 && !in->is_recovering))
		return changed;
	/* The journal of an older version does not say. */
	if (!json_get_bool(data, WAS_SERVING, true))
		return restart(in, NULL, e);
	return restart_and_wait(in, HANDLERS_ABSENT, NULL, e);
}

int cri_is_configured(struct install *in, struct error *e)
{
	_edit_ struct edit edit = { 0 };

	return plan_edit(in, HANDLERS_ABSENT, &edit, e) < 0 ? -e->code : edit_is_needed(&edit);
}

int cri_remove_check(void *context, struct error *e)
{
	struct install *in = context;
	int r = cri_is_configured(in, e);

	if (r <= 0)
		return r;
	return install_must_be_unused(in, e) < 0 ? -e->code : 1;
}

int cri_remove_save(void *context, struct json_object *data, struct error *e)
{
	return save(context, HANDLERS_ABSENT, data, e);
}

int cri_remove_run(void *context, struct error *e)
{
	return configure(context, HANDLERS_ABSENT, e);
}

int restart_check(void *context, struct error *e)
{
	(void)context;
	(void)e;
	return 1;
}

int restart_run(void *context, struct error *e)
{
	struct install *in = context;

	attempt_forget(in);
	return restart_and_wait(in, HANDLERS_ABSENT, in->cancel, e);
}

/* One canary per proof: the node remembers which one it had. */
int canary_check(void *context, struct error *e)
{
	struct install *in = context;

	return in->is_changing ? 1 : ready_check(in, e);
}

static int boot_one(struct install *in, const struct offer *o, struct error *e)
{
	_cleanup_(candidate_done) struct candidate c = { 0 };
	uint64_t began = now_ms();

	candidate_init(&c, o, in->version_dir);
	free(TAKE_PTR(in->guest_kernel));
	if (node_canary(&in->engine, &c.handler, deadline_in(CANARY_MS), in->cancel,
			&in->guest_kernel, e) < 0)
		return -e->code;
	log_info("a sandbox of '%s' with kernel %s answered after %llu ms", o->handler,
		 in->guest_kernel, (unsigned long long)(now_ms() - began));
	return 0;
}

int canary_run(void *context, struct error *e)
{
	struct install *in = context;

	for (size_t i = 0; i < in->n_offers; i++)
		if (boot_one(in, &in->offers[i], e) < 0)
			return -e->code;
	return 0;
}
