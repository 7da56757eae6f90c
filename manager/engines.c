/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engines - configure the container engines of this machine, and go back.
 *
 * One after the other, each by its driver: the engine itself judges the edit, then it is made and
 * taken up, and the engine must answer again with every handler that it had.  One that does not run
 * is not started for this.  The undo brings the old texts back (where somebody else changed a file
 * since, only our part of it).  One thread; may block for minutes.
 */
#include "manager/engines.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/endpoint.h"
#include "lib/host/here.h"
#include "lib/host/live.h"
#include "lib/host/unit.h"

#define VALIDATE_MS (60 * UINT64_C(1000))
#define RESTART_MS  (120 * UINT64_C(1000))
#define SETTLE_MS   (120 * UINT64_C(1000))
#define ASK_MS      (60 * UINT64_C(1000))
#define WAS_RUNNING "running"
#define CHOICE      "choice"
#define COMMAND     "KATA_SERVICE_COMMAND"

static bool takes_up(const struct present *p)
{
	return p->engine.flavour->activation != ACTIVATE_NOTHING;
}

int engines_assess(const struct run *run, const char *why, struct change *ret_change,
		   struct error *e)
{
	(void)e;
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		const struct present *p = &run->machine.engines[i];

		if (!edit_is_needed(&p->edit))
			continue;
		change_add_edit(ret_change, &p->edit, why);
		if (takes_up(p) && p->is_running)
			change_add(ret_change, EFFECT_RESTART, p->name,
				   "its configuration changes");
	}
	change_add_edit(ret_change, &run->machine.choosing, "later runs do as this one");
	return 0;
}

/* ---- how a configuration is taken up ---- */

/* Where there is no systemd: programs that start services, of which the first that is there counts.
 */
static const char *const starters[] = { "rc-service", "service" };

/* "COMMAND SERVICE restart"; NULL: nothing is known that does it. */
static strv service_command(const struct flavour *flavour)
{
	const char *told = getenv(COMMAND);
	_free_ char *name = xstrndup(flavour->units[0], strcspn(flavour->units[0], "."));
	_free_ char *script = path_join("/etc/init.d", name);
	_strv_ strv words = strv_split(told ? told : "", " ");

	for (size_t i = 0; !words && file_exists(script) && i < ARRAY_SIZE(starters); i++) {
		_free_ char *path = here_find(starters[i]);

		if (path)
			strv_add(&words, path);
	}
	if (!words)
		return NULL;
	strv_add(&words, name);
	strv_add(&words, flavour->activation == ACTIVATE_RELOAD ? "reload" : "restart");
	return TAKE_PTR(words);
}

static int activate(struct run *run, const struct present *p, const struct cancel *cancel,
		    struct error *e)
{
	struct engine engine = p->engine;
	_strv_ strv command = service_command(engine.flavour);
	int r;

	view_say("%s takes up its configuration", p->name);
	run->results.restarts++;
	engine.restart_command = command;
	r = engine_activate(&engine, deadline_in(RESTART_MS), cancel, e);
	/* Somebody started it by hand, and does so again. */
	if (r == -ENOENT && !command && !file_exists(UNIT_SOCKET)) {
		run->results.restarts--;
		view_say(
			"warning: nothing is known that restarts %s here: do it yourself, or say "
			"how in " COMMAND,
			p->name);
		return 0;
	}
	return r;
}

/* BEFORE is what it said before; NULL: nothing. */
static int settle(struct run *run, const struct present *p, const struct endpoint_state *before,
		  size_t n_handlers, struct error *e)
{
	const struct engine *engine = &p->engine;
	_endpoint_state_ struct endpoint_state now = { 0 };
	const struct cancel *cancel = run->manager->cancel;

	if (!before)
		return 0;
	if (endpoint_wait(engine, &run->machine.handler, n_handlers, deadline_in(SETTLE_MS), cancel,
			  e) < 0 ||
	    engine->driver->status(engine->socket, deadline_in(ASK_MS), cancel, &now, e) < 0 ||
	    endpoint_compare(engine->scope, before, &now, e) < 0)
		return fail_wrap(e, "%s with its new configuration", p->name);
	return 0;
}

static int take_up(struct run *run, const struct present *p, enum presence presence,
		   struct error *e)
{
	const struct engine *engine = &p->engine;
	_endpoint_state_ struct endpoint_state before = { 0 };
	const struct cancel *cancel = run->manager->cancel;
	unsigned restarts = run->results.restarts;
	struct error ignored;
	bool answers;

	if (!takes_up(p))
		return 0;
	if (!p->is_running) {
		view_say("%s does not run: it takes up its configuration when it starts", p->name);
		return 0;
	}
	answers = engine->driver->status &&
		  engine->driver->status(engine->socket, deadline_in(ASK_MS), cancel, &before,
					 &ignored) >= 0;
	if (activate(run, p, cancel, e) < 0)
		return -e->code;
	if (run->results.restarts == restarts)
		return 0;
	return settle(run, p, answers ? &before : NULL, presence == HANDLERS_PRESENT, e);
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
	/* What is left of an engine that was removed is nobody's to judge. */
	if (p->is_there && engine->driver->validate &&
	    engine->driver->validate(engine, &p->edit, &handlers, deadline_in(VALIDATE_MS),
				     run->manager->cancel, e) < 0)
		return -e->code;
	return site_edit(run, &p->edit, e) < 0 ? -e->code : take_up(run, p, presence, e);
}

int engines_run(struct run *run, enum presence presence, struct error *e)
{
	if (site_edit(run, &run->machine.choosing, e) < 0)
		return -e->code;
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		const struct present *p = &run->machine.engines[i];

		if (configure(run, p, p->is_chosen ? presence : HANDLERS_ABSENT, e) < 0)
			return -e->code;
	}
	return 0;
}

int engines_save(const void *context, const struct change *change, struct json_object *data,
		 struct error *e)
{
	const struct run *run = context;

	(void)change;
	(void)e;
	edit_save(&run->machine.choosing, json_set_object(data, CHOICE));
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		const struct present *p = &run->machine.engines[i];
		struct json_object *saved;

		if (!edit_is_needed(&p->edit))
			continue;
		saved = json_set_object(data, p->engine.flavour->name);
		edit_save(&p->edit, saved);
		json_set_bool(saved, WAS_RUNNING, p->is_running);
	}
	return 0;
}

/* Whether it runs now says nothing: what is taken back may be what keeps it from that. */
static int undo_one(struct run *run, const struct present *p, struct json_object *data,
		    struct error *e)
{
	const struct engine *engine = &p->engine;
	int changed;

	if (engine->driver->clear)
		engine->driver->clear(engine);
	changed = edit_restore(data, engine->driver->merge, engine, e);
	return changed <= 0 || !takes_up(p) || !json_get_bool(data, WAS_RUNNING, true)
		       ? changed
		       : activate(run, p, NULL, e);
}

int engines_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	struct run *run = context;
	struct json_object *choice = json_member(data, CHOICE);

	(void)reason;
	for (size_t i = PRESENT_MAX; i-- > 0;) {
		const struct present *p = &run->machine.engines[i];
		struct json_object *saved = json_member(data, p->engine.flavour->name);

		if (saved && undo_one(run, p, saved, e) < 0)
			return -e->code;
	}
	return choice ? edit_restore(choice, NULL, NULL, e) : 0;
}

/* Two kinds of engine may be the same containerd. */
static bool was_asked(const struct machine *k, size_t i)
{
	for (size_t earlier = 0; earlier < i; earlier++)
		if (k->engines[earlier].engine.driver->live == k->engines[i].engine.driver->live &&
		    str_equal(k->engines[earlier].engine.socket, k->engines[i].engine.socket))
			return true;
	return false;
}

void engines_clear(const struct run *run)
{
	for (size_t i = 0; i < PRESENT_MAX; i++) {
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
	    live_elsewhere(LIVE_RECORDS, &k->scope, &l->elsewhere, e) < 0 ||
	    live_versions(LIVE_RECORDS, &k->scope, &used, e) < 0)
		return -e->code;
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		const struct present *p = &k->engines[i];

		if (p->is_running && !k->only_runs_count && !was_asked(k, i) &&
		    p->engine.driver->live(p->engine.socket, deadline_in(ASK_MS),
					   run->manager->cancel, l, e) < 0)
			return -e->code;
	}
	l->sandboxes += (unsigned)strv_len(used);
	return 0;
}
