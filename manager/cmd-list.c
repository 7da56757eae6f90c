/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-list - the versions that are installed, the one of --from, and those of a mirror.
 */
#include <string.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/stale.h"
#include "lib/host/store.h"
#include "lib/progress.h"
#include "manager/origin.h"
#include "manager/show.h"

static const struct column columns[] = {
	{ .title = "VERSION", .member = "version" },
	{ .title = "STATE", .member = "state" },
	{ .title = "SANDBOXES", .member = "sandboxes" },
	{ .title = "SIZE", .member = "size", .is_wide = true },
	{ .title = "NOTE", .member = "note", .is_wide = true },
	{ .title = "PATH", .member = "path", .is_wide = true },
};

static const struct view view = {
	.kind = "VersionList",
	.name_kind = "version",
	.name = "version",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* "current", "previous", "held", in this order, those that it is; "installed" if none. */
static char *state_of(const char *folder, const char *const *marked)
{
	static const char *const names[] = { "current", "previous", "held" };
	_strv_ strv states = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(folder, marked[i]))
			strv_add(&states, names[i]);
	return states ? strv_join(states, ",") : xstrdup("installed");
}

static int64_t count_in(char *const *used, const char *folder)
{
	int64_t n = 0;

	for (; used && *used; used++)
		n += strcmp(path_base(*used), folder) == 0;
	return n;
}

static void add(struct json_object *items, const char *version, const char *state, const char *path,
		int64_t sandboxes)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "version", version);
	json_set_str(item, "state", state);
	json_set_str(item, "path", path);
	if (sandboxes >= 0)
		json_set_int(item, "sandboxes", sandboxes);
	(void)json_object_array_add(items, item);
}

static int add_installed(const struct machine *k, struct json_object *items, struct error *e)
{
	_free_ char *current = NULL, *previous = NULL, *held = NULL;
	_strv_ strv folders = NULL;
	_strv_ strv used = NULL;

	if (store_list(k->root, &folders, e) < 0 || store_current(k->root, &current, e) < 0 ||
	    store_marked(k->root, STORE_PREVIOUS, &previous, e) < 0 ||
	    store_marked(k->root, STORE_HELD, &held, e) < 0 ||
	    live_versions(LIVE_RECORDS, &k->scope, &used, e) < 0)
		return -e->code;
	for (char **f = folders; f && *f; f++) {
		_free_ char *path = xasprintf("%s/versions/%s", k->root, *f);
		const char *const marked[] = { current, previous, held };
		_free_ char *state = state_of(*f, marked);

		add(items, *f, state, path, count_in(used, *f));
	}
	return 0;
}

static int add_archive(struct manager *m, struct machine *k, struct json_object *items,
		       struct error *e)
{
	if (origin_want(k, m->options, m->cancel, e) < 0)
		return -e->code;
	if (!json_find(items, "version", k->folder))
		add(items, k->folder, "available", k->archive, -1);
	return 0;
}

/* What the mirror says of FOLDER, beside what is here of it. */
static void add_release(struct json_object *items, const struct catalog *c,
			const struct catalog_release *r)
{
	_free_ char *folder = catalog_folder(r);
	_free_ char *size = progress_size(r->archive.size);
	const char *why = NULL, *advisory = NULL;
	bool is_withdrawn = stale_is_withdrawn(c->withdrawn, folder, &why);
	struct json_object *item;

	(void)stale_is_withdrawn(c->advisories, folder, &advisory);
	if (!json_find(items, "version", folder))
		add(items, folder, is_withdrawn ? "withdrawn" : "available", r->archive.name, -1);
	item = json_find(items, "version", folder);
	json_set_str(item, "arch", r->arch);
	json_set_str(item, "size", size);
	json_set_int(item, "bytes", (int64_t)r->archive.size);
	json_set_bool(item, "withdrawn", is_withdrawn);
	json_set_str(item, "note", is_withdrawn ? why : advisory);
}

static int add_available(struct manager *m, struct machine *k, struct json_object *items,
			 struct error *e)
{
	struct utsname host = { 0 };

	if (!origin_is_named(m->options)) {
		m->is_understood = false;
		return fail(e, EINVAL,
			    "available where?  Name a mirror with --mirror or "
			    "$KATA_MANAGER_MIRROR");
	}
	if (origin_look(k, m->options, m->cancel, e) < 0)
		return -e->code;
	(void)uname(&host);
	for (size_t i = 0; i < k->catalog.n_releases; i++)
		if (strcmp(k->catalog.releases[i].arch, host.machine) == 0)
			add_release(items, &k->catalog, &k->catalog.releases[i]);
	return 0;
}

int cmd_list(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_json_ struct json_object *items = json_object_new_array();

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	if (add_installed(&k, items, e) < 0)
		return -e->code;
	if (m->options->wants_available ? add_available(m, &k, items, e) < 0
					: m->options->from && add_archive(m, &k, items, e) < 0)
		return -e->code;
	return show(m, &view, items, e);
}
