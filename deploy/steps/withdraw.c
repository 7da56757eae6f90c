/* SPDX-License-Identifier: Apache-2.0 */
/*
 * withdraw - take our handlers out of the container engine's configuration.
 *
 * In journals it has the name of the step that brings them: both are undone in the same way.
 */
#include "deploy/adopt.h"
#include "deploy/runtime.h"
#include "deploy/usage.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	(void)others;
	/* Then the step before this one fails, unless nothing is installed. */
	if (f->silence.code)
		return 0;
	/* Handlers of our names that lead to the known paths are then not ours. */
	if (adopt_is_anothers(f))
		return 0;
	if (engine_plan_removal(&f->engine, f->known, f->n_offers, &ret_change->edit, e) < 0 ||
	    adopt_plan_return(f, &ret_change->edit, e) < 0)
		return -e->code;
	if (!edit_is_needed(&ret_change->edit))
		return 0;
	change_add_edit(ret_change, &ret_change->edit, "it has handlers of ours");
	runtime_add_restart(f, ret_change, "its configuration changes");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	return usage_must_be_none(context, e) < 0 ? -e->code : runtime_withdraw(context, change, e);
}

const struct step step_withdraw = {
	.name = "cri",
	.purpose = "remove our handlers from the container runtime",
	.assess = assess,
	.run = run,
	.save = runtime_save,
	.undo = runtime_undo,
};
