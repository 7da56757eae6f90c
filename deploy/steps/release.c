/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release - take off the node what it says of this installation.
 *
 * A node on which every try failed has no label, but a condition.  There the label that all
 * installations share is not ours to take, nor are the labels of an installation that was found.
 * A node that leaves keeps a condition, so that one sees why it has none of an installation that
 * others have; with the end of the whole installation the conditions go, too.
 */
#include <string.h>

#include "deploy/adopt.h"
#include "deploy/node.h"
#include "lib/log.h"

#define REMOVED "Removed" /* reason of the condition */

static const char why[] = "the node offers no sandbox of this installation any more";

/* HAS_LABELS: some go. */
static void add_departure(const struct facts *f, bool has_labels, struct change *change)
{
	const char *condition = f->settings->owner.condition;
	const char *reason = node_condition_reason(f);

	if (has_labels || (reason && strcmp(reason, REMOVED) != 0))
		change_add_values(change, EFFECT_LABEL, condition,
				  node_condition_status(f->node, condition), "False", why);
}

static void add_end(const struct facts *f, struct change *change)
{
	const char *const conditions[] = { f->settings->owner.condition, f->settings->upgraded };

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		const char *status = node_condition_status(f->node, conditions[i]);

		if (status)
			change_add_values(change, EFFECT_LABEL, conditions[i], status, NULL, why);
	}
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	const struct node_marks now = node_marks(f);

	(void)others;
	(void)e;
	if (now.instance && !adopt_is_anothers(f)) {
		change_add_values(ret_change, EFFECT_LABEL, NODE_LABEL, now.shared,
				  node_others_label(f), why);
		change_add_values(ret_change, EFFECT_LABEL, node_label(f), now.instance, NULL, why);
	}
	if (f->wish == WISH_END)
		add_end(f, ret_change);
	else
		add_departure(f, change_is_needed(ret_change), ret_change);
	return 0;
}

static int set_conditions(const struct install *in, const struct change *change, struct error *e)
{
	const struct settings *s = in->facts->settings;

	if (!change_has(change, EFFECT_LABEL, s->owner.condition) &&
	    !change_has(change, EFFECT_LABEL, s->upgraded))
		return 0;
	return in->facts->wish == WISH_END
		       ? node_unreport(in, e)
		       : node_condition(in, NODE_NOT_READY, REMOVED,
					"kata-deploy has removed Kata from this node", e);
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
	if (set_conditions(in, change, &ignored) < 0) {
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
