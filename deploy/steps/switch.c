/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch - make the version current: one link moved by rename.
 *
 * Two links beside it say from where one can go back, and which version is not to come by itself as
 * somebody went back from it.  Whoever goes back and does so again is where he began.  Whether the
 * known paths may be ours has been asked by the step before (adopt).
 */
#include "deploy/install.h"
#include "lib/file.h"
#include "lib/host/adopt.h"
#include "lib/host/store.h"

/* Which version shall not come by itself then; NULL: none.  CURRENT is the one that is left. */
static const char *held_then(const struct facts *f, const char *current)
{
	switch (f->target) {
	case TARGET_IMAGE:
		return NULL;
	case TARGET_HELD:
		return f->held;
	case TARGET_BACK:
		break;
	}
	return str_equal(f->folder, f->held) ? NULL : current;
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_free_ char *link = path_join(f->root, "current");
	_free_ char *mark = path_join(f->root, "held");
	_free_ char *previous = path_join(f->root, "previous");
	_strv_ strv missing = store_missing_links(f->root);
	_free_ char *current = NULL;

	(void)others;
	if (store_current(f->root, &current, e) < 0)
		return -e->code;
	if (!str_equal(held_then(f, current), f->held))
		change_add(ret_change, EFFECT_FILE, mark,
			   f->target == TARGET_BACK && current
				   ? "the version that is left does not come again by itself"
				   : "no version is held back any more");
	if (current && !str_equal(current, f->folder))
		change_add(ret_change, EFFECT_FILE, previous, "one can go back to that");
	change_set_aside(ret_change);
	if (!str_equal(current, f->folder))
		change_add_values(ret_change, EFFECT_FILE, link, current, f->folder,
				  "another version is current, or none");
	for (char **path = missing; path && *path; path++)
		change_add(ret_change, EFFECT_FILE, *path,
			   "a known path does not lead through the current version");
	return 0;
}

/* The version before this one is what one can go back to, if it was another. */
static int set_marks(const struct facts *f, const char *current, struct error *e)
{
	if (current && !str_equal(current, f->folder) &&
	    store_mark(f->root, STORE_PREVIOUS, current, e) < 0)
		return -e->code;
	return store_mark(f->root, STORE_HELD, held_then(f, current), e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;
	_free_ char *current = NULL;
	int linked;

	(void)change;
	/* The known paths last: what upstream's pods have noted leads somewhere all the time. */
	if (store_current(f->root, &current, e) < 0 || set_marks(f, current, e) < 0 ||
	    store_switch(f->root, f->folder, e) < 0)
		return -e->code;
	linked = store_link(f->root, e);
	if (linked < 0)
		return linked;
	in->results.writes += 1 + (unsigned)linked;
	return 0;
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	const char *root = in->facts->root;
	_strv_ strv missing = store_missing_links(root);
	_free_ char *current = NULL;
	_free_ char *previous = NULL;
	int r = store_current(root, &current, e);

	(void)change;
	if (r >= 0)
		r = store_marked(root, STORE_PREVIOUS, &previous, e);
	if (r < 0)
		return r;
	json_set_str(data, "current", current);
	json_set_str(data, "previous", previous);
	json_set_str(data, "held", in->facts->held);
	/* The journal of an older version has no such links. */
	json_set_bool(data, "marks", true);
	/* Those of a version that is current already are right however they came. */
	json_set_bool(data, "linked", current || !missing);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;
	const char *root = in->facts->root;

	(void)reason;
	/* As in run(), the other way round. */
	if (!json_get_bool(data, "linked", true) &&
	    (adopt_relink(root, e) < 0 || store_unlink(root, e) < 0))
		return -e->code;
	if (store_switch(root, json_get_str(data, "current"), e) < 0)
		return -e->code;
	if (!json_get_bool(data, "marks", false))
		return 0;
	return store_mark(root, STORE_PREVIOUS, json_get_str(data, "previous"), e) < 0
		       ? -e->code
		       : store_mark(root, STORE_HELD, json_get_str(data, "held"), e);
}

const struct step step_switch = {
	.name = "switch",
	.purpose = "make the version current",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
