/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-verify - read every file of the installed versions again.
 */
#include "lib/host/intact.h"
#include "lib/host/store.h"
#include "manager/machine.h"
#include "manager/show.h"

static const struct column columns[] = {
	{ .title = "VERSION", .member = "version" },
	{ .title = "STATE", .member = "state" },
	{ .title = "DETAIL", .member = "detail" },
};

static const struct view view = {
	.kind = "VerificationList",
	.name_kind = "version",
	.name = "version",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* Adds a row; false for one that is damaged. */
static bool verify(const struct machine *k, const char *folder, struct json_object *items)
{
	struct json_object *item = json_object_new_object();
	struct error why = { 0 };
	bool is_whole = store_verify(k->root, folder, &why) >= 0;

	json_set_str(item, "version", folder);
	json_set_str(item, "state", is_whole ? "whole" : "damaged");
	json_set_str(item, "detail", is_whole ? NULL : why.msg);
	(void)json_object_array_add(items, item);
	return is_whole;
}

int cmd_verify(struct manager *m, struct error *e)
{
	const char *only = m->options->arguments[1];
	_json_ struct json_object *items = json_object_new_array();
	_machine_ struct machine k = { 0 };
	_strv_ strv folders = NULL;
	bool is_whole = true;

	if (machine_open(m->options, &k, e) < 0 || store_list(k.root, &folders, e) < 0)
		return -e->code;
	if (only && !strv_contains(folders, only))
		return fail(e, ENOENT, "there is no version '%s' in '%s'", only, k.root);
	for (char **f = folders; f && *f; f++)
		if (!only || str_equal(only, *f))
			is_whole &= verify(&k, *f, items);
	return show(m, &view, items, e) < 0 ? -e->code : is_whole ? 0 : EXIT_FOUND;
}
