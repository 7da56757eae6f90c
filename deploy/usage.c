/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage - what uses the installation on this node.
 *
 * A sandbox has a record from before its VM until after its last trace is gone, and the engine
 * knows its containers.  One thread; may block.
 */
#include "deploy/usage.h"

#include "deploy/install.h"
#include "lib/foreign.h"
#include "lib/host/unused.h"

int usage_look(const void *arg, struct live *l, struct error *e)
{
	const struct install *in = arg;
	const struct engine *engine = &in->facts->engine;
	_strv_ strv used = NULL;

	l->scope = engine->scope;
	if (foreign_list(FOREIGN_RUN, &l->foreign, e) < 0 ||
	    live_elsewhere(LIVE_RECORDS, engine->scope, &l->elsewhere, e) < 0 ||
	    engine->driver->live(engine->socket, install_ask_ms(in), in->cancel, l, e) < 0 ||
	    live_versions(LIVE_RECORDS, engine->scope, &used, e) < 0)
		return -e->code;
	l->sandboxes += (unsigned)strv_len(used);
	return 0;
}

int usage_must_be_none(struct install *in, struct error *e)
{
	_live_ struct live l = { 0 };

	if (usage_look(in, &l, e) < 0)
		return -e->code;
	return live_is_used(&l) ? unused_fail(&l, USAGE_REMEDY, e) : 0;
}
