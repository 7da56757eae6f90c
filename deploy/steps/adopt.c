/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt - move an installation of upstream's aside, if that is wished.
 *
 * Without the wish, or where it is not known whose files these are, the whole plan is refused.  It
 * comes after the canary, so what is moved aside has a successor that works, and before the version
 * becomes current, whose links have to take the places.  The assessment names the handlers that a
 * new pod cannot have any more.
 */
#include <string.h>

#include "deploy/adopt.h"
#include "lib/file.h"
#include "lib/host/adopt.h"
#include "lib/host/holder.h"
#include "lib/host/store.h"
#include "lib/log.h"

static int refuse(const struct facts *f, enum adopt_kind kind, struct error *e)
{
	int r = store_may_link(f->root, e);

	if (r < 0 && kind == ADOPT_OTHER && f->settings->adopt)
		return fail_wrap(e, "KATA_ADOPT: this is not as upstream's kata-deploy leaves it");
	return r;
}

static bool is_offered(const struct facts *f, const char *handler)
{
	for (size_t i = 0; i < f->n_offers; i++)
		if (strcmp(f->handlers[i].name, handler) == 0)
			return true;
	return false;
}

/* Why, and what it costs: the handlers for which this release has no shim.  Caller frees. */
static char *say_why(const struct facts *f)
{
	static const char why[] = "upstream's installation moves there";
	_strv_ strv lost = NULL;
	_free_ char *names = NULL;

	for (char **name = f->status.handlers; name && *name; name++)
		if (scope_has_handler(f->scope, *name) && !is_offered(f, *name))
			strv_add(&lost, *name);
	if (!lost)
		return xstrdup(why);
	names = strv_join(lost, ", ");
	return xasprintf("%s; until it is handed back no new pod can have %s", why, names);
}

static void add_effects(const struct facts *f, const struct adoptable *found, struct change *c)
{
	_free_ char *folder = xasprintf("%s/versions/%s", f->root, found->folder);
	_free_ char *link = path_join(f->root, FOREIGN_LINK);
	_free_ char *why = say_why(f);

	change_add(c, EFFECT_FILE, folder, why);
	change_add(c, EFFECT_FILE, link, "it leads there");
	for (char **name = found->names; *name; name++) {
		_free_ char *path = path_join(f->root, *name);

		change_add(c, EFFECT_FILE, path, "upstream's, it becomes a link to where it moves");
	}
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_adoptable_ struct adoptable found = { 0 };
	enum adopt_kind kind;

	(void)others;
	if (holder_check(&f->settings->owner, f->root, e) < 0 ||
	    adopt_look(f->root, &kind, &found, e) < 0)
		return -e->code;
	if (kind == ADOPT_NOTHING)
		return 0;
	if (kind == ADOPT_OTHER || !f->settings->adopt)
		return refuse(f, kind, e);
	add_effects(f, &found, ret_change);
	return adopt_add_engine(f, &ret_change->edit, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;
	_adoptable_ struct adoptable found = { 0 };
	_json_ struct json_object *record = adopt_make_record(f, &change->edit);
	enum adopt_kind kind;

	/* An earlier adoption was handed back, and killed before its end. */
	if (adopt_return(f->root, e) < 0)
		return -e->code;
	adopt_end(f);
	if (adopt_look(f->root, &kind, &found, e) < 0)
		return -e->code;
	if (kind != ADOPT_UPSTREAM)
		return fail(e, ESTALE, "somebody else changed '%s' meanwhile", f->root);
	in->common.writes += (unsigned)strv_len(found.names);
	log_info("moving upstream's installation to '%s/versions/%s'", f->root, found.folder);
	return adopt_take(f->root, &found, record, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	_adoptable_ struct adoptable found = { 0 };
	enum adopt_kind kind;

	(void)change;
	if (adopt_look(in->facts->root, &kind, &found, e) < 0)
		return -e->code;
	json_set_str(data, "folder", found.folder);
	json_set_bool(data, "stood", adopt_stands(in->facts->root));
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;
	const char *root = in->facts->root;
	const char *folder = json_get_str(data, "folder");

	(void)reason;
	if (!folder)
		return 0;
	if (adopt_return(root, e) < 0)
		return -e->code;
	/* One of which a record stood before: what that says is still to be handed back. */
	return json_get_bool(data, "stood", false) ? 0 : adopt_forget(root, folder, e);
}

const struct step step_adopt = {
	.name = "adopt",
	.purpose = "move upstream's installation aside",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
