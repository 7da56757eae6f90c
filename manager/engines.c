/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engines - configure the container engines of this machine, and go back.
 *
 * One after the other, each by its driver: the engine itself judges the edit, then it is made and
 * taken up.  The undo brings the old texts back (where somebody else changed a file since, only our
 * part of it).  An engine that does not answer is configured by its files alone and said so.  One
 * thread; may block for minutes.
 */
#include "manager/engines.h"

#include <string.h>

#include "lib/foreign.h"
#include "lib/host/live.h"

#define VALIDATE_MS (60 * UINT64_C(1000))
#define RESTART_MS  (120 * UINT64_C(1000))
#define ASK_MS      (60 * UINT64_C(1000))

static bool takes_up(const struct engine *engine)
{
	return engine->flavour->activation != ACTIVATE_NOTHING;
}

int engines_assess(const struct run *run, const char *why, struct change *ret_change,
		   struct error *e)
{
	(void)e;
	for (size_t i = 0; i < run->machine.n_engines; i++) {
		const struct present *p = &run->machine.engines[i];

		if (!edit_is_needed(&p->edit))
			continue;
		change_add_edit(ret_change, &p->edit, why);
		if (takes_up(&p->engine))
			change_add(ret_change, EFFECT_RESTART, p->engine.driver->name,
				   "its configuration changes");
	}
	return 0;
}

static int activate(struct run *run, const struct engine *engine, const struct cancel *cancel,
		    struct error *e)
{
	if (!takes_up(engine))
		return 0;
	run->results.restarts++;
	view_say("%s takes up its configuration", engine->driver->name);
	return engine_activate(engine, deadline_in(RESTART_MS), cancel, e);
}

static int configure(struct run *run, const struct present *p, enum presence presence,
		     struct error *e)
{
	const struct engine *engine = &p->engine;
	const struct handlers handlers = {
		.list = &run->machine.handler,
		.n = presence == HANDLERS_PRESENT,
		.presence = presence,
	};

	if (!edit_is_needed(&p->edit))
		return 0;
	if (engine->driver->validate &&
	    engine->driver->validate(engine, &p->edit, &handlers, deadline_in(VALIDATE_MS),
				     run->manager->cancel, e) < 0)
		return -e->code;
	return site_edit(run, &p->edit, e) < 0 ? -e->code
					       : activate(run, engine, run->manager->cancel, e);
}

int engines_run(struct run *run, enum presence presence, struct error *e)
{
	for (size_t i = 0; i < run->machine.n_engines; i++)
		if (configure(run, &run->machine.engines[i], presence, e) < 0)
			return -e->code;
	return 0;
}

int engines_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e)
{
	const struct run *run = context;

	(void)change;
	(void)e;
	for (size_t i = 0; i < run->machine.n_engines; i++) {
		const struct present *p = &run->machine.engines[i];

		if (edit_is_needed(&p->edit))
			edit_save(&p->edit, json_set_object(data, p->engine.flavour->name));
	}
	return 0;
}

static int undo_one(struct run *run, const struct engine *engine, struct json_object *data,
		    struct error *e)
{
	int changed;

	if (engine->driver->clear)
		engine->driver->clear(engine);
	changed = edit_restore(data, engine->driver->merge, engine, e);
	return changed <= 0 ? changed : activate(run, engine, NULL, e);
}

int engines_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	struct run *run = context;

	(void)reason;
	for (size_t i = run->machine.n_engines; i-- > 0;) {
		const struct engine *engine = &run->machine.engines[i].engine;
		struct json_object *saved = json_member(data, engine->flavour->name);

		if (saved && undo_one(run, engine, saved, e) < 0)
			return -e->code;
	}
	return 0;
}

void engines_clear(const struct run *run)
{
	for (size_t i = 0; i < run->machine.n_engines; i++) {
		const struct engine *engine = &run->machine.engines[i].engine;

		if (engine->driver->clear)
			engine->driver->clear(engine);
	}
}

int engines_live(const void *arg, struct live *l, struct error *e)
{
	const struct run *run = arg;
	const struct machine *k = &run->machine;
	_strv_ strv used = NULL;

	l->scope = &k->scope;
	if (foreign_list(FOREIGN_RUN, &l->foreign, e) < 0 ||
	    live_versions(LIVE_RECORDS, &k->scope, &used, e) < 0)
		return -e->code;
	for (size_t i = 0; i < k->n_engines; i++) {
		const struct present *p = &k->engines[i];

		if (p->silence.code == 0 &&
		    p->engine.driver->live(p->engine.socket, deadline_in(ASK_MS),
					   run->manager->cancel, l, e) < 0)
			return -e->code;
	}
	l->sandboxes += (unsigned)strv_len(used);
	return 0;
}
