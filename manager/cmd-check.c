/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-check - whether this machine can run sandboxes, and what to do where it cannot.
 *
 * The one table of lib/host/hostcheck.h, with the configuration that sandboxes here have.
 */
#include "lib/host/hostcheck.h"
#include "manager/machine.h"
#include "manager/show.h"

static const struct column columns[] = {
	{ .title = "CHECK", .member = "check" },
	{ .title = "VERDICT", .member = "verdict" },
	{ .title = "DETAIL", .member = "detail" },
};

static const struct view view = {
	.kind = "CheckList",
	.name_kind = "check",
	.name = "check",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static const char *const verdict_names[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_WARNING] = "warning",
	[VERDICT_MISSING] = "missing",
};

static void add(struct json_object *items, const struct check_result *result)
{
	struct json_object *item = json_object_new_object();
	bool is_ok = result->verdict == VERDICT_OK;

	json_set_str(item, "check", result->check->name);
	json_set_str(item, "verdict", verdict_names[result->verdict]);
	json_set_str(item, "detail", is_ok ? NULL : result->why.msg);
	json_set_str(item, "remedy", is_ok ? NULL : result->check->remedy);
	(void)json_object_array_add(items, item);
}

int cmd_check(struct manager *m, struct error *e)
{
	_json_ struct json_object *items = json_object_new_array();
	_machine_ struct machine k = { 0 };
	struct check_result result;
	struct host_facts host;
	bool is_missing = false;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	host = machine_host(&k);
	for (size_t i = 0; hostcheck_at(i, &host, &result); i++) {
		is_missing |= result.verdict == VERDICT_MISSING;
		add(items, &result);
	}
	return show(m, &view, items, e) < 0 ? -e->code : is_missing ? EXIT_REFUSED : 0;
}
