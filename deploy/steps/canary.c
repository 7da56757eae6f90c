/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - boot a sandbox of each handler and have it answer.
 *
 * One canary per proof: the node remembers which one it had.  It runs from the version's own
 * folder, before that is current.
 */
#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/host/envoy.h"
#include "lib/log.h"

#define CANARY_MS (180 * UINT64_C(1000))

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	(void)e;
	/* CRI-O runs nothing but pods: the trial has to do. */
	if (!f->engine.driver->run || node_stays_ready(f, others))
		return 0;
	for (size_t i = 0; i < f->n_offers; i++)
		change_add(ret_change, EFFECT_PROBE, f->offers[i].handler,
			   "a sandbox has to answer before the node promises one");
	return 0;
}

static int boot_one(struct install *in, const struct offer *o, struct error *e)
{
	_cleanup_(preview_done) struct preview c = { 0 };
	char **kernel = &in->results.guest_kernel;
	uint64_t began = now_ms();

	preview_init(&c, o, in->facts->version_dir);
	free(TAKE_PTR(*kernel));
	if (envoy_canary(&in->facts->engine, &c.handler, deadline_in(CANARY_MS), in->cancel, kernel,
			 e) < 0)
		return -e->code;
	log_info("a sandbox of '%s' with kernel %s answered after %llu ms", o->handler, *kernel,
		 (unsigned long long)(now_ms() - began));
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;

	(void)change;
	for (size_t i = 0; i < in->facts->n_offers; i++)
		if (boot_one(in, &in->facts->offers[i], e) < 0)
			return -e->code;
	return 0;
}

const struct step step_canary = {
	.name = "canary",
	.purpose = "boot a sandbox",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
