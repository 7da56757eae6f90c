/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready - label the node, with its conditions and an Event, once a sandbox has answered.
 */
#include "deploy/node.h"
#include "deploy/proof.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	static const char why[] = "a sandbox has answered";
	const struct install *in = context;
	const struct facts *f = in->facts;
	const char *condition = f->settings->owner.condition;
	const struct node_marks now =
		assessment_matters(others) ? node_marks_untrue(f) : node_marks(f);

	if (node_stays_ready(f, others))
		return 0;
	change_add_values(ret_change, EFFECT_LABEL, condition,
			  node_condition_status(f->node, condition), "True", why);
	change_add_values(ret_change, EFFECT_LABEL, NODE_LABEL, now.shared, "true", why);
	change_add_values(ret_change, EFFECT_LABEL, node_label(f), now.instance, "true", why);
	/* Of all rights the one that is needed last. */
	return node_may_have_condition(in, e);
}

static char *make_message(const struct install *in)
{
	_free_ char *proven = NULL;
	const char *kernel = in->results.guest_kernel;

	if (!kernel && proof_counts(in->facts, PROOF_CANARY, &proven))
		kernel = proven;
	return !str_empty(kernel) ? xasprintf("version %s, a sandbox with kernel %s answered",
					      in->facts->folder, kernel)
				  : xasprintf("version %s, %s ran a sandbox", in->facts->folder,
					      in->facts->engine.driver->name);
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	const struct node_marks ready = {
		.shared = "true",
		.instance = "true",
		.proof = in->facts->proof,
	};
	_free_ char *message = make_message(in);
	struct node_report report = {
		.ready = NODE_READY,
		.reason = "SandboxAnswered",
		.message = message,
	};

	node_upgraded_report(in->facts, &report);
	(void)change;
	if (node_report(in, &report, e) < 0 || node_set_marks(in, &ready, e) < 0)
		return -e->code;
	node_event(in, KUBE_EVENT_NORMAL,
		   in->facts->target == TARGET_BACK ? "KataRolledBack" : "KataInstalled", message);
	return 0;
}

const struct step step_ready = {
	.name = "ready",
	.purpose = "label the node",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
