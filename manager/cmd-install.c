/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-install - bring a release to this machine, the first or another one.
 *
 * What was configured before, by `config set` or by the administrator, is what the canary reads and
 * what stays.  Whose the release is is asked before a byte of it is unpacked, and before packages
 * of the distribution are brought, which a machine without a container engine needs.
 */
#include "manager/packages.h"
#include "manager/run.h"
#include "manager/trust.h"

static int want(struct machine *k, const void *arg, struct error *e)
{
	const struct manager *m = arg;
	const struct options *o = m->options;

	if (machine_want_archive(k, o->from, e) < 0 || trust_release(k, o, e) < 0 ||
	    trust_version(k, o, e) < 0)
		return -e->code;
	return packages_bring(m, k, e);
}

int cmd_install(struct manager *m, struct error *e)
{
	const struct action action = {
		.name = m->options->arguments[0],
		.steps = install_steps,
		.presence = HANDLERS_PRESENT,
		.want = want,
		.arg = m,
	};

	if (!m->options->from)
		return fail(e, EINVAL,
			    "which release?  Name its file, or the folder that it lies in, with "
			    "--from");
	return run_action(m, &action, e);
}

int cmd_plan(struct manager *m, struct error *e)
{
	struct options dry = *m->options;

	dry.is_dry = true;
	m->options = &dry;
	return cmd_install(m, e);
}
