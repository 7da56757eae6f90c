/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove - remove every file of the installation.
 *
 * Half of them gone, handlers that lead to them would be worse than none: once it has begun nothing
 * comes back, and the next removal goes on.
 */
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/proven.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"
#include "lib/host/unused.h"
#include "manager/configuration.h"
#include "manager/engines.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct run *run = context;
	const struct machine *k = &run->machine;

	(void)others;
	(void)e;
	change_add_edit(ret_change, &k->configuration, "nobody reads it any more");
	if (machine_is_installed(k))
		change_add(ret_change, EFFECT_REMOVAL, k->root, "all versions go");
	return 0;
}

static int may_begin(void *context, struct error *e)
{
	_live_ struct live l = { 0 };

	if (engines_live(context, &l, e) < 0)
		return -e->code;
	return live_is_used(&l) ? unused_fail(&l, "remove once more", e) : 0;
}

static int remove_versions(const struct machine *k, struct error *e)
{
	_strv_ strv all = NULL;
	int r = unused_versions(k->root, LIVE_RECORDS, &k->scope, NULL, &all, e);

	for (char **folder = all; r >= 0 && folder && *folder; folder++)
		r = store_remove(k->root, *folder, e);
	return r < 0 ? r : store_sweep(k->root, e);
}

static int run_it(void *context, const struct change *change, struct error *e)
{
	struct run *run = context;
	const struct machine *k = &run->machine;
	_free_ char *versions = path_join(k->root, "versions");
	_free_ char *lock = path_join(k->root, ".lock");
	_free_ char *aside = path_join(k->root, JOURNAL_ASIDE);

	(void)change;
	if (store_unlink(k->root, e) < 0 || store_switch(k->root, NULL, e) < 0 ||
	    store_mark(k->root, STORE_PREVIOUS, NULL, e) < 0 ||
	    store_mark(k->root, STORE_HELD, NULL, e) < 0 ||
	    (!k->keeps_settings && trust_pin(k->root, NULL, e) < 0) || remove_versions(k, e) < 0 ||
	    configuration_clear(k, e) < 0 || run_edit(run, &k->configuration, e) < 0)
		return -e->code;
	proven_forget(k->root);
	(void)rmdir(versions);
	(void)unlink(lock);
	(void)unlink(aside);
	return 0;
}

const struct step step_remove = {
	.name = "remove",
	.purpose = "remove the files",
	.assess = assess,
	.may_begin = may_begin,
	.run = run_it,
};
