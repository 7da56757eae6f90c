/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim - keep new pods away while something about the node's sandboxes changes.
 *
 * Pods of other installations on the node are none of it.  The undo brings the labels back as they
 * were, but no promise that the engine breaks, and over nobody else's change.
 */
#include "deploy/adopt.h"
#include "deploy/node.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	static const char why[] = "no sandbox shall begin while something changes";
	const struct install *in = context;
	const struct node_marks now = node_marks(in->facts);
	const struct node_marks pending = node_marks_untrue(in->facts);
	const char *key = node_label(in->facts);

	(void)e;
	if (!assessment_matters(others))
		return 0;
	if (str_equal(now.instance, pending.instance) && str_equal(now.shared, pending.shared))
		return 0;
	if (!str_equal(now.shared, pending.shared))
		change_add_values(ret_change, EFFECT_LABEL, NODE_LABEL, now.shared, pending.shared,
				  why);
	change_add_values(ret_change, EFFECT_LABEL, key, now.instance, pending.instance, why);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct install *in = context;
	const struct node_marks pending = node_marks_untrue(in->facts);

	(void)change;
	return node_set_marks(in, &pending, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	struct node_marks before = node_marks(in->facts);

	(void)change;
	(void)e;
	/* The promise of another installation is not ours to bring back. */
	if (node_others_label(in->facts))
		before.shared = before.instance;
	/* A repair that fails leaves the node as bad as it was, and it has to say so.  An
	 * installation of upstream's need not have a handler of ours. */
	if (facts_is_unserved(in->facts) && node_is_true(before.instance) &&
	    !adopt_is_anothers(in->facts))
		before = node_marks_untrue(in->facts);
	json_set_str(data, "shared", before.shared);
	json_set_str(data, "instance", before.instance);
	json_set_str(data, "proof", before.proof);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct node_marks before = {
		.shared = json_get_str(data, "shared"),
		.instance = json_get_str(data, "instance"),
		.proof = json_get_str(data, "proof"),
	};
	int r = node_restore_marks(context, &before, e);

	(void)reason;
	/* "false" promises nothing. */
	return node_is_out_of_reach(r, e) ? 0 : r;
}

const struct step step_claim = {
	.name = "claim",
	.purpose = "keep new pods away",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
