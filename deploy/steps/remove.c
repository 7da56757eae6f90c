/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove - remove every file of this installation from the node.
 *
 * Half of them gone, handlers that lead to them would be worse than none: once it has begun nothing
 * comes back, and the next removal goes on.
 */
#include <unistd.h>

#include "deploy/attempt.h"
#include "deploy/candidate.h"
#include "deploy/drift.h"
#include "deploy/proof.h"
#include "deploy/restarts.h"
#include "deploy/usage.h"
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"

/* Of an installation that was killed before it had any version.  An engine that does not answer
 * shall not hold a removal up for that. */
static bool has_rest(const struct facts *f)
{
	return !f->silence.code && (envoy_has_rest(&f->engine) || store_has_rest(f->root) ||
				    candidate_has_rest(f->settings));
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	(void)others;
	(void)e;
	if (usage_is_installed(f))
		change_add(ret_change, EFFECT_REMOVAL, f->root, "all versions go");
	else if (has_rest(f))
		change_add(ret_change, EFFECT_REMOVAL, f->root, "a crash left something there");
	return 0;
}

static int remove_configurations(const struct facts *f, struct error *e)
{
	if (candidate_clear(f->settings, e) < 0)
		return -e->code;
	for (size_t i = 0; i < f->n_offers; i++)
		if (offer_remove(&f->offers[i], f->settings, e) < 0)
			return -e->code;
	return 0;
}

static int may_begin(void *context, struct error *e)
{
	struct install *in = context;
	const struct facts *f = in->facts;

	f->engine.driver->clear(&f->engine);
	return usage_must_be_none(in, e) < 0 ? -e->code : envoy_clear(&f->engine, e);
}

static int run(void *context, const struct change *change, struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;
	_free_ char *versions = path_join(f->root, "versions");
	_free_ char *lock = path_join(f->root, ".lock");
	_free_ char *aside = path_join(f->root, JOURNAL_ASIDE);

	(void)change;
	if (store_unlink(f->root, e) < 0 || store_switch(f->root, NULL, e) < 0 ||
	    store_mark(f->root, STORE_PREVIOUS, NULL, e) < 0 ||
	    store_mark(f->root, STORE_HELD, NULL, e) < 0 ||
	    usage_remove_unused(f, NULL, NULL, e) < 0 || store_sweep(f->root, e) < 0 ||
	    trust_pin(f->root, NULL, e) < 0 || remove_configurations(f, e) < 0)
		return -e->code;
	attempt_forget(f);
	restarts_forget(f->root);
	proof_forget(f);
	drift_forget(f);
	(void)unlink(lock);
	(void)unlink(aside);
	/* The last: it says that there is something to be removed. */
	(void)rmdir(versions);
	return 0;
}

const struct step step_remove = {
	.name = "remove",
	.purpose = "remove the files",
	.assess = assess,
	.may_begin = may_begin,
	.run = run,
};
