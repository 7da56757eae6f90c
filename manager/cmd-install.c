/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-install - bring a release to this machine, the first or another one.
 *
 * What was configured before, by `config set` or by the administrator, is what the canary reads and
 * what stays.  Whose the release is is asked before a byte of it is unpacked, and before packages
 * of the distribution are brought, which a machine without a container engine needs.
 */
#include "lib/host/stale.h"
#include "manager/origin.h"
#include "manager/packages.h"
#include "manager/run.h"
#include "manager/trust.h"

/* What the mirror says of the release, for a person. */
static void tell_advisories(const struct machine *k)
{
	const char *text;

	if (stale_is_withdrawn(k->catalog.advisories, k->folder, &text))
		view_say("advisory for %s: %s", k->folder, text);
}

static int want(struct machine *k, const void *arg, struct error *e)
{
	const struct manager *m = arg;
	const struct options *o = m->options;

	if (origin_want(k, o, m->cancel, e) < 0 || trust_release(k, o, e) < 0 ||
	    trust_version(k, o, e) < 0)
		return -e->code;
	tell_advisories(k);
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

	if (!origin_is_named(m->options))
		return fail(e, EINVAL,
			    "which release?  Name its file, the folder that it lies in, or its "
			    "URL with --from, or a mirror with --mirror or $KATA_MANAGER_MIRROR");
	return run_action(m, &action, e);
}

int cmd_plan(struct manager *m, struct error *e)
{
	const struct options *given = m->options;
	struct options dry = *given;
	int r;

	dry.is_dry = true;
	m->options = &dry;
	r = cmd_install(m, e);
	m->options = given;
	return r;
}
