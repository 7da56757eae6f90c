/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-list - the versions that are installed, and with --from the one that could be.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/store.h"
#include "manager/machine.h"
#include "manager/show.h"

static const struct column columns[] = {
	{ .title = "VERSION", .member = "version" },
	{ .title = "STATE", .member = "state" },
	{ .title = "SANDBOXES", .member = "sandboxes" },
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

int cmd_list(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_json_ struct json_object *items = json_object_new_array();

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	if (add_installed(&k, items, e) < 0)
		return -e->code;
	if (m->options->from && machine_want_archive(&k, m->options->from, e) < 0)
		return -e->code;
	if (m->options->from && !json_find(items, "version", k.folder))
		add(items, k.folder, "available", k.archive, -1);
	return show(m, &view, items, e);
}
