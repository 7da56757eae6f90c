/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-rollback - go back to the version that was current before.
 *
 * It lies among the versions still, so nothing is unpacked; running containers stay where they are.
 */
#include "manager/run.h"
#include "manager/trust.h"

static int want(struct machine *k, const void *arg, struct error *e)
{
	return machine_want_previous(k, e) < 0 ? -e->code : trust_version(k, arg, e);
}

int cmd_rollback(struct manager *m, struct error *e)
{
	const struct action action = {
		.name = "rollback",
		.steps = install_steps,
		.presence = HANDLERS_PRESENT,
		.want = want,
		.arg = m->options,
	};

	return run_action(m, &action, e);
}
