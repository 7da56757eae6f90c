/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transition - unpack a version, make it current and keep the way back.
 *
 * Making it current is one link moved by rename.  Two links beside it say from where one can go
 * back, and which version is not to come by itself as somebody went back from it.  Whoever goes
 * back and does so again is where he began.  Whether the known paths may be ours is for the caller
 * to ask before.  A version that is complete needs no undo: it is used or swept later.  No sandbox
 * notices one that is not current.  One thread; may block.
 */
#include "lib/host/transition.h"

#include "lib/file.h"
#include "lib/host/adopt.h"
#include "lib/host/stale.h"

int transition_assess_unpack(const struct transition *t, struct change *ret_change, struct error *e)
{
	_free_ char *current = NULL;

	if (store_has(t->root, t->folder))
		return 0;
	if (!t->archive)
		return fail(e, EBADMSG,
			    "'%s' is not whole any more, and what is given has another "
			    "version",
			    t->version_dir);
	change_add(ret_change, EFFECT_FILE, t->version_dir, "the version is not there as a whole");
	if (store_current(t->root, &current, e) < 0)
		return -e->code;
	if (!str_equal(current, t->folder))
		change_set_aside(ret_change);
	return 0;
}

int transition_unpack(const struct transition *t, const struct cancel *cancel, unsigned *writes,
		      struct error *e)
{
	*writes += (unsigned)t->release->n_entries + 1;
	return store_add(t->root, t->archive, t->release, t->sharing, cancel, e);
}

/* Which version shall not come by itself then; NULL: none.  CURRENT is the one that is left. */
static const char *held_then(const struct transition *t, const char *current)
{
	switch (t->target) {
	case TARGET_IMAGE:
		return NULL;
	case TARGET_HELD:
		return t->held;
	case TARGET_BACK:
		break;
	}
	return str_equal(t->folder, t->held) ? NULL : current;
}

int transition_assess_switch(const struct transition *t, struct change *ret_change, struct error *e)
{
	_free_ char *link = path_join(t->root, "current");
	_free_ char *mark = path_join(t->root, "held");
	_free_ char *previous = path_join(t->root, "previous");
	_strv_ strv missing = store_missing_links(t->root);
	_free_ char *current = NULL;

	if (store_current(t->root, &current, e) < 0)
		return -e->code;
	if (!str_equal(held_then(t, current), t->held))
		change_add(ret_change, EFFECT_FILE, mark,
			   t->target == TARGET_BACK && current
				   ? "the version that is left does not come again by itself"
				   : "no version is held back any more");
	if (current && !str_equal(current, t->folder))
		change_add(ret_change, EFFECT_FILE, previous, "one can go back to that");
	change_set_aside(ret_change);
	if (!str_equal(current, t->folder))
		change_add_values(ret_change, EFFECT_FILE, link, current, t->folder,
				  "another version is current, or none");
	for (char **path = missing; path && *path; path++)
		change_add(ret_change, EFFECT_FILE, *path,
			   "a known path does not lead through the current version");
	return 0;
}

/* The version before this one is what one can go back to, if it was another. */
static int set_marks(const struct transition *t, const char *current, struct error *e)
{
	if (current && !str_equal(current, t->folder) &&
	    store_mark(t->root, STORE_PREVIOUS, current, e) < 0)
		return -e->code;
	return store_mark(t->root, STORE_HELD, held_then(t, current), e);
}

int transition_switch(const struct transition *t, unsigned *writes, struct error *e)
{
	_free_ char *current = NULL;
	int linked;

	/* The known paths last: what upstream's pods have noted leads somewhere all the time. */
	if (store_current(t->root, &current, e) < 0 || set_marks(t, current, e) < 0 ||
	    store_switch(t->root, t->folder, e) < 0)
		return -e->code;
	linked = store_link(t->root, e);
	if (linked < 0)
		return linked;
	*writes += 1 + (unsigned)linked;
	return 0;
}

int transition_save_switch(const struct transition *t, struct json_object *data, struct error *e)
{
	_strv_ strv missing = store_missing_links(t->root);
	_free_ char *current = NULL;
	_free_ char *previous = NULL;
	int r = store_current(t->root, &current, e);

	if (r >= 0)
		r = store_marked(t->root, STORE_PREVIOUS, &previous, e);
	if (r < 0)
		return r;
	json_set_str(data, "current", current);
	json_set_str(data, "previous", previous);
	json_set_str(data, "held", t->held);
	/* The journal of an older version has no such links. */
	json_set_bool(data, "marks", true);
	/* Those of a version that is current already are right however they came. */
	json_set_bool(data, "linked", current || !missing);
	return 0;
}

int transition_undo_switch(const char *root, struct json_object *data, struct error *e)
{
	/* As in the switch, the other way round. */
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

int transition_refuse_withdrawn(const struct transition *t, char *const *withdrawn,
				const char *anyway, struct error *e)
{
	_free_ char *current = NULL;
	const char *reason;

	if (!stale_is_withdrawn(withdrawn, t->folder, &reason))
		return 0;
	if (store_current(t->root, &current, e) < 0)
		return -e->code;
	if (str_equal(current, t->folder))
		return 0;
	return fail(e, EPERM, "version %s is withdrawn%s%s; %s takes it all the same", t->folder,
		    reason ? ": " : "", reason ? reason : "", anyway);
}

strv transition_kept(const struct transition *t)
{
	_free_ char *previous = NULL;
	struct error ignored;
	strv keep = NULL;

	strv_add(&keep, t->folder);
	if (!t->is_last && store_marked(t->root, STORE_PREVIOUS, &previous, &ignored) >= 0 &&
	    previous && store_has(t->root, previous))
		strv_add(&keep, previous);
	return keep;
}
