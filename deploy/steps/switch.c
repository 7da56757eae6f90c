/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - make the version current: one link moved by rename.
 *
 * Whether the known paths may be ours has been asked by the step before (adopt).
 */
#include "deploy/install.h"
#include "lib/file.h"
#include "lib/host/store.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_free_ char *link = path_join(f->root, "current");
	_strv_ strv missing = store_missing_links(f->root);
	_free_ char *current = NULL;

	(void)others;
	if (store_current(f->root, &current, e) < 0)
		return -e->code;
	if (!str_equal(current, f->folder))
		change_add_values(ret_change, EFFECT_FILE, link, current, f->folder,
				  "another version is current, or none");
	for (char **path = missing; path && *path; path++)
		change_add(ret_change, EFFECT_FILE, *path,
			   "a known path does not lead through the current version");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	int linked = store_link(in->facts->root, e);

	(void)change;
	if (linked < 0)
		return linked;
	in->results.writes += 1 + (unsigned)linked;
	return store_switch(in->facts->root, in->facts->folder, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	_strv_ strv missing = store_missing_links(in->facts->root);
	_free_ char *current = NULL;
	int r = store_current(in->facts->root, &current, e);

	(void)change;
	if (r < 0)
		return r;
	json_set_str(data, "current", current);
	/* Those of a version that is current already are right however they came. */
	json_set_bool(data, "linked", current || !missing);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;
	const char *root = in->facts->root;

	(void)reason;
	if (store_switch(root, json_get_str(data, "current"), e) < 0)
		return -e->code;
	return json_get_bool(data, "linked", true) ? 0 : store_unlink(root, e);
}

const struct step step_switch = {
	.name = "switch",
	.purpose = "make the version current",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
