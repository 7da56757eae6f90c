/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart - restart the container engine because somebody asked for it.
 */
#include "deploy/attempt.h"
#include "deploy/proof.h"
#include "deploy/runtime.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;

	(void)others;
	(void)e;
	runtime_add_restart(in->facts, ret_change, "it was asked for");
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;

	(void)change;
	attempt_forget(in->facts);
	proof_forget(in->facts);
	return runtime_restart(in, e);
}

const struct step step_restart = {
	.name = "restart",
	.purpose = "restart the container runtime",
	.assess = assess,
	.run = run,
};
