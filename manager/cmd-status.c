/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-status - what is installed, which engines know of it, and what runs.
 *
 * A sandbox is shown with the version that it started with and, if that or something else is not
 * what one that starts now would have, why (lib/host/stale.h).
 */
#include <string.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/holder.h"
#include "lib/host/live.h"
#include "lib/host/pods.h"
#include "lib/host/stale-list.h"
#include "lib/host/store.h"
#include "manager/machine.h"
#include "manager/show.h"
#include "manager/trust.h"

static const struct column sandbox_columns[] = {
	{ .title = "SANDBOX", .member = "id" },
	{ .title = "VERSION", .member = "version" },
	{ .title = "AGE", .member = "started", .form = COLUMN_AGE },
	{ .title = "STALE", .member = "why" },
};

static const struct view sandbox_view = {
	.kind = "SandboxList",
	.columns = sandbox_columns,
	.n_columns = ARRAY_SIZE(sandbox_columns),
};

/* The engine's names for sandboxes are ids here. */
static void ask_no_pods(void *arg, struct pods *ret_pods)
{
	(void)arg;
	(void)ret_pods;
}

static const struct stale_sandbox *find_stale(const struct stale_list *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->list[i].record.id, id) == 0)
			return &list->list[i];
	return NULL;
}

static void add_causes(struct json_object *item, const struct stale *stale)
{
	struct json_object *causes = json_set_array(item, "causes");
	_strv_ strv names = NULL;
	_free_ char *why = NULL;

	for (size_t i = 0; i < stale->n; i++) {
		struct json_object *cause = json_object_new_object();

		json_set_str(cause, "cause", stale_names[stale->list[i].kind]);
		json_set_str(cause, "detail", stale->list[i].detail);
		(void)json_object_array_add(causes, cause);
		strv_addf(&names, "%s: %s", stale_names[stale->list[i].kind],
			  stale->list[i].detail);
	}
	why = strv_join(names, "; ");
	json_set_str(item, "why", why);
}

static void add_sandbox(struct json_object *items, const struct record *r,
			const struct stale_sandbox *stale)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "id", r->id);
	json_set_str(item, "version",
		     *r->version_dir ? path_base(r->version_dir)
		     : stale         ? stale->runs
				     : NULL);
	json_set_str(item, "started", *r->started ? r->started : NULL);
	if (stale)
		add_causes(item, &stale->stale);
	(void)json_object_array_add(items, item);
}

static int read_sandboxes(const struct machine *k, struct json_object *items, struct error *e)
{
	_strv_ strv withdrawn = trust_withdrawn(k);
	const struct stale_places places = {
		.root = k->root,
		.scope = &k->scope,
		.records = LIVE_RECORDS,
		.run = FOREIGN_RUN,
		.proc = "/proc",
		.etc = k->etc,
		.withdrawn = withdrawn,
		.ask_pods = ask_no_pods,
	};
	_stale_list_ struct stale_list stale = { 0 };
	_strv_ strv ids = NULL;

	if (stale_list_read(&places, &stale, e) < 0 || record_list(LIVE_RECORDS, &ids, e) < 0)
		return -e->code;
	for (char **id = ids; id && *id; id++) {
		_record_ struct record r = { 0 };
		struct error ignored;

		if (record_read(LIVE_RECORDS, *id, &r, &ignored) >= 0 &&
		    scope_has_version(&k->scope, r.version_dir))
			add_sandbox(items, &r, find_stale(&stale, *id));
	}
	return 0;
}

/* What keeps an engine from having our handler; NULL: nothing does. */
static const char *why_left(const struct present *p)
{
	if (p->left.code != 0)
		return p->left.msg;
	if (!p->is_chosen)
		return "it is left alone, as --engines said";
	return edit_is_needed(&p->edit) ? "it was changed since" : NULL;
}

/* Our handlers come after a version is current, and go before: without one, as in the middle of an
 * installation or of a removal, no engine has any. */
static void add_engine(const struct present *p, const char *current, struct json_object *engines)
{
	struct json_object *item = json_object_new_object();
	const char *why = why_left(p);

	json_set_str(item, "name", p->name);
	json_set_str(item, "version", p->engine.version);
	json_set_str(item, "socket", p->engine.socket);
	json_set_bool(item, "running", p->is_running);
	json_set_str(item, "problem", p->silence.code ? p->silence.msg : NULL);
	json_set_str(item, "runtime", p->is_link ? MACHINE_TYPE : MACHINE_HANDLER);
	json_set_bool(item, "configured", !why && current);
	json_set_str(item, "why", why);
	(void)json_object_array_add(engines, item);
}

static void add_engines(const struct machine *k, const char *current, struct json_object *engines)
{
	for (size_t i = 0; i < PRESENT_MAX; i++)
		if (k->engines[i].is_there)
			add_engine(&k->engines[i], current, engines);
}

static int read_status(struct manager *m, struct machine *k, struct json_object *status,
		       struct error *e)
{
	_free_ char *journal = path_join(k->root, "journal");
	_free_ char *current = NULL, *previous = NULL, *held = NULL;
	_free_ char *owner = holder_of(&k->owner, k->root);
	_strv_ strv versions = NULL;

	if (store_current(k->root, &current, e) < 0 ||
	    store_marked(k->root, STORE_PREVIOUS, &previous, e) < 0 ||
	    store_marked(k->root, STORE_HELD, &held, e) < 0 ||
	    store_list(k->root, &versions, e) < 0)
		return -e->code;
	json_set_str(status, "root", k->root);
	json_set_str(status, "owner", owner);
	json_set_str(status, "current", current);
	json_set_str(status, "previous", previous);
	json_set_str(status, "held", held);
	json_set_bool(status, "interrupted", file_exists(journal));
	json_set_strv(status, "versions", versions);
	present_find(k, m->cancel);
	if (current && (machine_want_current(k, e) < 0 || machine_plan(k, HANDLERS_PRESENT, e) < 0))
		json_set_str(status, "problem", e->msg);
	add_engines(k, current, json_set_array(status, "engines"));
	return read_sandboxes(k, json_set_array(status, "sandboxes"), e);
}

static void put(FILE *out, const char *title, const char *value)
{
	if (value)
		(void)fprintf(out, "%-12s%s\n", title, value);
}

static void put_engine(struct json_object *engine, FILE *out)
{
	const char *problem = json_get_str(engine, "problem");
	const char *version = json_get_str(engine, "version");
	const char *why = json_get_str(engine, "why");
	bool is_configured = json_get_bool(engine, "configured", false);

	(void)fprintf(out, "%-12s%s%s%s%s%s, %s%s%s%s\n", "engine:", json_get_str(engine, "name"),
		      version ? " " : "", version ? version : "", problem ? ", " : "",
		      problem ? problem : "",
		      is_configured ? "has the runtime " : "has no runtime of ours",
		      is_configured ? json_get_str(engine, "runtime") : "", why ? ": " : "",
		      why ? why : "");
}

static void show_table(struct manager *m, struct json_object *status)
{
	struct json_object *engines = json_at(status, "engines");
	struct json_object *sandboxes = json_at(status, "sandboxes");
	const char *current = json_get_str(status, "current");
	struct error ignored;

	put(m->out, "root:", json_get_str(status, "root"));
	put(m->out, "owner:", json_get_str(status, "owner"));
	put(m->out, "current:", current ? current : "nothing is installed");
	put(m->out, "previous:", json_get_str(status, "previous"));
	put(m->out, "held:", json_get_str(status, "held"));
	put(m->out, "problem:", json_get_str(status, "problem"));
	if (json_get_bool(status, "interrupted", false))
		put(m->out, "journal:", "a run was interrupted; the next one takes it back first");
	for (size_t i = 0; i < json_len(engines); i++)
		put_engine(json_item(engines, i), m->out);
	if (json_len(engines) == 0)
		put(m->out, "engine:", "there is none on this machine");
	if (json_len(sandboxes) == 0)
		return;
	(void)fputc('\n', m->out);
	(void)show(m, &sandbox_view, sandboxes, &ignored);
}

int cmd_status(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_json_ struct json_object *status = json_object_new_object();

	json_set_str(status, "apiVersion", MANAGER_API);
	json_set_str(status, "kind", "Status");
	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	if (read_status(m, &k, status, e) < 0)
		return -e->code;
	if (show_is_for_people(m))
		show_table(m, status);
	else
		view_object(status, m->format, m->out);
	return 0;
}
