/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgraded - say that a failed upgrade is over, on a node that stayed ready.
 *
 * Nothing else is to be done there: a sandbox has answered before.  It is nobody's doing that the
 * condition says otherwise, and no reason to fail.
 */
#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/log.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	const char *condition = f->settings->upgraded;

	(void)e;
	if (!node_stays_ready(f, others) || node_says_upgraded(f))
		return 0;
	change_add_values(ret_change, EFFECT_LABEL, condition,
			  node_condition_status(f->node, condition),
			  facts_is_wanted(f) ? "True" : "False",
			  "the node has what it shall have, or was gone back on");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct install *in = context;
	struct node_report report = {
		.ready = NODE_READY,
		.reason = node_condition_reason(in->facts),
		.message = node_condition_message(in->facts),
	};

	(void)change;
	node_upgraded_report(in->facts, &report);
	if (node_report(in, &report, e) < 0)
		log_warn("%s", e->msg);
	return 0;
}

const struct step step_upgraded = {
	.name = "upgraded",
	.purpose = "say that the version is the wanted one",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
	.is_upkeep = true,
};
