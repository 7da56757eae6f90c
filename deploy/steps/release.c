/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release - take this installation's labels off the node, and have its condition say so.
 *
 * A node on which every try failed has no label, but a condition.  There the label that all
 * installations share is not ours to take, nor are the labels of an installation that was found.
 */
#include <string.h>

#include "deploy/adopt.h"
#include "deploy/node.h"
#include "lib/log.h"

#define REMOVED "Removed" /* reason of the condition */

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	static const char why[] = "the node offers no sandbox of this installation any more";
	const struct install *in = context;
	const struct facts *f = in->facts;
	const char *reason = node_condition_reason(f);
	const char *condition = f->settings->owner.condition;
	const struct node_marks now = node_marks(f);

	(void)others;
	(void)e;
	if (now.instance && !adopt_is_anothers(f)) {
		change_add_values(ret_change, EFFECT_LABEL, NODE_LABEL, now.shared,
				  node_others_label(f), why);
		change_add_values(ret_change, EFFECT_LABEL, node_label(f), now.instance, NULL, why);
	}
	if (change_is_needed(ret_change) || (reason && strcmp(reason, REMOVED) != 0))
		change_add_values(ret_change, EFFECT_LABEL, condition,
				  node_condition_status(f->node, condition), "False", why);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct node_marks gone = { .shared = node_others_label(in->facts) };
	struct error ignored;
	int r = 0;

	if (change_has(change, EFFECT_LABEL, node_label(in->facts)))
		r = node_set_marks(in, &gone, e);
	if (r < 0) {
		in->results.is_refused = true;
		return node_is_out_of_reach(r, e) ? 0 : r;
	}
	if (node_condition(in, NODE_NOT_READY, REMOVED,
			   "kata-deploy has removed Kata from this node", &ignored) < 0) {
		in->results.is_refused = true;
		log_warn("%s", ignored.msg);
	}
	return 0;
}

const struct step step_release = {
	.name = "release",
	.purpose = "take the labels away",
	.assess = assess,
	.run = run,
};
