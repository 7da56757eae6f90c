/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handback - put an adopted installation back where it was, its labels last.
 *
 * The engine has its configuration back by then; the RuntimeClasses are handed back by a step of
 * their own.  Each part can be repeated.  The record of the adoption outlives the journal of the
 * whole removal: what that journal would bring back has to be taken away again by the record.
 */
#include "deploy/adopt.h"
#include "deploy/usage.h"
#include "lib/host/adopt.h"
#include "lib/log.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	_json_ struct json_object *record = NULL;
	int r = adopt_record(in->facts->root, &record, e);

	(void)others;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	change_add(ret_change, EFFECT_FILE, in->facts->root,
		   "upstream's installation goes back to where it was");
	if (in->facts->node)
		change_add(ret_change, EFFECT_LABEL, in->facts->settings->owner.label,
			   "and its labels, as they were");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const char *root = in->facts->root;

	(void)change;
	if (usage_must_be_none(in, e) < 0 || adopt_return(root, e) < 0 ||
	    adopt_return_labels(in, e) < 0)
		return -e->code;
	log_info("handed '%s' back to upstream's installation", root);
	return 0;
}

const struct step step_handback = {
	.name = "handback",
	.purpose = "hand upstream's installation back",
	.assess = assess,
	.run = run,
};
