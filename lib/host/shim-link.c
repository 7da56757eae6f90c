/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim-link - the link by which containerd finds the shim.
 *
 * Whoever names a runtime by its type alone, as ctr and nerdctl do, has containerd look in its PATH
 * for the program that belongs to it: containerd-shim-kata-v2 for "io.containerd.kata.v2".  What is
 * there and does not lead to us is somebody else's.  Any thread.
 */
#include "lib/host/shim-link.h"

#include <string.h>

#include "lib/file.h"

int shim_link_plan(const char *dir, const char *shim, enum presence presence, struct edit *edit,
		   struct error *e)
{
	_free_ char *path = path_join(dir, path_base(shim));
	struct edit_file *f = edit_add_link(edit, path, e);
	bool is_ours;

	if (!f)
		return presence == HANDLERS_ABSENT && e->code == EEXIST ? 0 : -e->code;
	is_ours = str_equal(f->old_text, shim);
	if (presence == HANDLERS_PRESENT && f->old_text && !is_ours)
		return fail(e, EEXIST,
			    "'%s' is a link to '%s', of somebody else; remove it, or do without",
			    path, f->old_text);
	if (presence == HANDLERS_PRESENT)
		str_set(&f->new_text, shim);
	else if (!is_ours)
		str_set(&f->new_text, f->old_text);
	return 0;
}

int shim_link_merge(const void *context, const char *path, const char *now, const char *old,
		    char **ret_text, struct error *e)
{
	(void)context;
	(void)path;
	(void)old;
	(void)e;
	*ret_text = now ? xstrdup(now) : NULL;
	return 0;
}
