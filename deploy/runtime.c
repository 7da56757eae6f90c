/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime - configure the node's container engine, and go back.
 *
 * The engine validates the new configuration before it is in place: it must parse, keep every
 * handler there was and have ours.  Then it is written and taken up.  Afterwards the CRI service is
 * asked; the undo brings the old text back (where somebody else changed the file since, only our
 * part of it) and asks again.  One thread; may block for minutes.
 */
#include "deploy/runtime.h"

#include "deploy/attempt.h"
#include "deploy/restarts.h"
#include "lib/log.h"

#define VALIDATE_MS (60 * UINT64_C(1000))
#define RESTART_MS  (120 * UINT64_C(1000))
#define SETTLE_MS   (120 * UINT64_C(1000))
#define WAS_SERVING "served"
#define FLAVOUR     "flavour"

/* "containerd, and with it the kubelet".  Caller frees. */
static char *restarted(const struct facts *f)
{
	const char *along = f->engine.flavour->takes_along;

	return xasprintf("%s%s%s", f->engine.driver->name, along ? ", and with it " : "",
			 along ? along : "");
}

void runtime_add_restart(const struct facts *f, struct change *c, const char *why)
{
	_free_ char *what = restarted(f);

	change_add(c, EFFECT_RESTART, what, why);
}

static int activate(struct install *in, const struct cancel *cancel, struct error *e)
{
	_free_ char *what = restarted(in->facts);

	in->results.restarts++;
	if (in->facts->engine.flavour->activation != ACTIVATE_NOTHING)
		restarts_note(in->facts);
	log_info("restarting %s", what);
	return engine_activate(&in->facts->engine, deadline_in(RESTART_MS), cancel, e);
}

/* ... and waits for the first N_HANDLERS of ours. */
static int restart_and_wait(struct install *in, size_t n_handlers, const struct cancel *cancel,
			    struct error *e)
{
	const struct engine *engine = &in->facts->engine;

	if (activate(in, cancel, e) < 0)
		return -e->code;
	if (endpoint_wait(engine, in->facts->handlers, n_handlers, deadline_in(SETTLE_MS), cancel,
			  e) >= 0)
		return 0;
	(void)fail_wrap(e, "%s after its restart", engine->driver->name);
	if (n_handlers > 0)
		attempt_failed(in, e);
	return -e->code;
}

int runtime_restart(struct install *in, struct error *e)
{
	return restart_and_wait(in, 0, in->cancel, e);
}

/* Everybody's pods depend on what was there. */
static int must_keep(const struct install *in, struct error *e)
{
	const struct engine *engine = &in->facts->engine;
	_endpoint_state_ struct endpoint_state now = { 0 };
	int r = engine->driver->status(engine->socket, deadline_in(SETTLE_MS), in->cancel, &now, e);

	if (r < 0)
		return r;
	r = endpoint_compare(engine->scope, &in->facts->status, &now, e);
	if (r < 0)
		attempt_failed(in, e);
	return r;
}

static int make_edit(struct install *in, const struct change *change,
		     const struct handlers *handlers, struct error *e)
{
	const struct engine *engine = &in->facts->engine;

	if (!edit_is_needed(&change->edit))
		return 0;
	if (engine->driver->validate(engine, &change->edit, handlers, deadline_in(VALIDATE_MS),
				     in->cancel, e) < 0)
		return -e->code;
	return site_edit(in, &change->edit, e);
}

int runtime_configure(struct install *in, const struct change *change, struct error *e)
{
	const struct handlers handlers = facts_handlers(in->facts);

	if (make_edit(in, change, &handlers, e) < 0 ||
	    restart_and_wait(in, in->facts->n_offers, in->cancel, e) < 0)
		return -e->code;
	return must_keep(in, e);
}

int runtime_withdraw(struct install *in, const struct change *change, struct error *e)
{
	const struct handlers none = { .presence = HANDLERS_ABSENT };

	if (make_edit(in, change, &none, e) < 0)
		return -e->code;
	return facts_is_serving(in->facts) ? restart_and_wait(in, 0, in->cancel, e)
					   : activate(in, in->cancel, e);
}

int runtime_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e)
{
	const struct install *in = context;

	(void)e;
	edit_save(&change->edit, data);
	json_set_bool(data, WAS_SERVING, facts_is_serving(in->facts));
	json_set_str(data, FLAVOUR, in->facts->engine.flavour->name);
	return 0;
}

void runtime_recall(struct facts *f, const struct journal *j)
{
	for (size_t i = 0; i < journal_len(j); i++) {
		const char *name = json_get_str(journal_at(j, i)->data, FLAVOUR);

		if (name)
			facts_set_flavour(f, name);
	}
}

int runtime_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	struct install *in = context;
	const struct engine *engine = &in->facts->engine;
	int changed;

	engine->driver->clear(engine);
	changed = edit_restore(data, engine->driver->merge, engine, e);
	/* What killed that run or its undo can have come between the files and the restart. */
	if (changed < 0 || (changed == 0 && reason == UNDO_FAILED))
		return changed;
	/* Each run begins with this undo until it has come to its end. */
	if (reason == UNDO_INTERRUPTED && restarts_must_be_left(in->facts, 1, e) < 0)
		return -e->code;
	/* The journal of an older version does not say. */
	if (!json_get_bool(data, WAS_SERVING, true))
		return activate(in, NULL, e);
	return restart_and_wait(in, 0, NULL, e);
}
