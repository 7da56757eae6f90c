/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - find out whether this machine can run sandboxes, before anything changes.
 *
 * A root that another program keeps is left to it.
 */
#include "lib/host/hostcheck.h"
#include "lib/host/store.h"
#include "manager/run.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct host_facts host = machine_host(&run->machine);
	_strv_ strv warnings = NULL;
	int r;

	(void)ret_change;
	if (!assessment_matters(others))
		return 0;
	r = hostcheck_run(&host, &warnings, e);
	for (char **w = warnings; w && *w; w++)
		view_say("warning: %s", *w);
	return r < 0 ? r : store_may_link(run->machine.root, e);
}

const struct step step_host = {
	.name = "host",
	.purpose = "check the machine",
	.order = ASSESS_AFTER,
	.assess = assess,
};
