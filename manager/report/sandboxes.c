/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandboxes - the part of a report that says which sandboxes are on this machine, whoever made
 * them.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/live.h"
#include "lib/host/record.h"
#include "manager/report/report.h"

static const char *const life_names[] = {
	[RECORD_ALIVE] = "alive",
	[RECORD_GONE] = "its shim is gone",
};

static const char *text_of(const char *text)
{
	return str_empty(text) ? NULL : text;
}

static void add_ours(struct report *r, const char *id, struct json_object *items)
{
	_record_ struct record record = { 0 };
	struct json_object *item = json_object_new_object();
	struct error e;

	json_set_str(item, "id", id);
	if (record_read(LIVE_RECORDS, id, &record, &e) < 0) {
		json_set_str(item, "state", "unknown");
		strv_addf(&r->errors, "sandbox '%s': %s", id, e.msg);
	} else {
		json_set_str(item, "state", life_names[record.life]);
		json_set_str(item, "version",
			     *record.version_dir ? path_base(record.version_dir) : NULL);
		json_set_str(item, "started", text_of(record.started));
		json_set_str(item, "namespace", text_of(record.pod_namespace));
		json_set_str(item, "pod", text_of(record.pod_name));
		json_set_str(item, "configuration", text_of(record.config_path));
	}
	(void)json_object_array_add(items, item);
}

static void add_foreign(const char *id, struct json_object *items)
{
	struct json_object *item = json_object_new_object();
	bool is_rust = foreign_kind(FOREIGN_RUN, id) == FOREIGN_RUST;

	json_set_str(item, "id", id);
	json_set_str(item, "state", "unknown");
	json_set_str(item, "version",
		     is_rust ? "of upstream's Rust shim" : "of upstream's Go shim");
	(void)json_object_array_add(items, item);
}

struct json_object *report_sandboxes(struct report *r, const struct part *part)
{
	struct json_object *items = json_object_new_array();
	_strv_ strv ours = NULL;
	_strv_ strv foreign = NULL;
	struct error e;

	(void)part;
	if (record_list(LIVE_RECORDS, &ours, &e) < 0)
		strv_add(&r->errors, e.msg);
	if (foreign_list(FOREIGN_RUN, &foreign, &e) < 0)
		strv_add(&r->errors, e.msg);
	for (char **id = ours; id && *id; id++)
		if (!strv_contains(foreign, *id))
			add_ours(r, *id, items);
	for (char **id = foreign; id && *id; id++)
		add_foreign(*id, items);
	return items;
}
