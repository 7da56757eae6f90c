/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path - the shim in the node's PATH, for the steps that put it there and take it away.
 *
 * One of somebody else's stands in the way of an installation and is left alone by everything else.
 * One thread.
 */
#include "deploy/path.h"

#include "lib/host/shim-link.h"

int path_assess(const struct install *in, const char *shim, enum presence presence, const char *why,
		struct change *ret_change, struct error *e)
{
	const char *dir = in->facts->settings->path_dir;

	if (str_empty(dir))
		return 0;
	if (shim_link_plan(dir, shim, presence, &ret_change->edit, e) < 0)
		return fail_wrap(e, "KATA_PATH_DIR");
	change_add_edit(ret_change, &ret_change->edit, why);
	return 0;
}

int path_run(void *context, const struct change *change, struct error *e)
{
	return site_edit(context, &change->edit, e);
}

int path_save(const void *context, const struct change *change, struct json_object *data,
	      struct error *e)
{
	(void)context;
	(void)e;
	edit_save(&change->edit, data);
	return 0;
}

int path_undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	(void)context;
	(void)reason;
	return edit_restore(data, shim_link_merge, NULL, e);
}
