/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unclass - remove the RuntimeClasses of this installation.
 *
 * They belong to the cluster, and other nodes use them when it is only this one that leaves: they
 * go with the last node that says it has the installation.  This one's label is off by now, so of
 * nodes that leave at once one finds itself the last.
 * In journals it has the name of the step that brings them: one undo is for both.
 */
#include "deploy/runtimeclass.h"
#include "deploy/wish.h"
#include "lib/log.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;

	(void)others;
	(void)e;
	if (in->facts->wish == WISH_END && in->facts->node)
		classes_add_removal(in, ret_change);
	return 0;
}

/* The role can go while we clean up.  Nobody can do more then, and the files must not stay for it.
 */
static int only_warn(int r, const struct error *e)
{
	if (r != -EACCES)
		return r;
	log_warn("the RuntimeClasses stay: %s", e->msg);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	int r = wish_is_elsewhere(in, e);

	(void)change;
	in->results.is_refused |= r == -EACCES;
	if (r > 0) {
		log_info("the RuntimeClasses stay: other nodes have this installation, too");
		return 0;
	}
	return only_warn(r < 0 ? r : classes_remove(context, e), e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	return only_warn(classes_save(context, change, data, e), e);
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	(void)reason;
	return classes_restore(context, data, e);
}

const struct step step_unclass = {
	.name = "classes",
	.purpose = "remove the RuntimeClasses",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
