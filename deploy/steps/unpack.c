/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack - put the release among the versions.
 *
 * A version that is complete needs no undo: it is used or swept later.  No sandbox notices one that
 * is not current.
 */
#include "deploy/install.h"
#include "lib/host/store.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_free_ char *current = NULL;

	(void)others;
	if (store_has(f->root, f->folder))
		return 0;
	if (!f->archive)
		return fail(e, EBADMSG,
			    "'%s' is not whole any more, and this image has another version",
			    f->version_dir);
	change_add(ret_change, EFFECT_FILE, f->version_dir, "the version is not there as a whole");
	if (store_current(f->root, &current, e) < 0)
		return -e->code;
	if (!str_equal(current, f->folder))
		change_set_aside(ret_change);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;

	(void)change;
	in->results.writes += (unsigned)f->release.n_entries + 1;
	return store_add(f->root, f->archive, &f->release, in->cancel, e);
}

const struct step step_unpack = {
	.name = "unpack",
	.purpose = "unpack and verify the release",
	.assess = assess,
	.run = run,
};
