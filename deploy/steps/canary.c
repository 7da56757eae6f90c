/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - boot a sandbox of each handler and have it answer.
 *
 * It runs from the version's own folder and a copy of the configuration, before anything on the
 * node is another: neither label, handlers nor sandboxes notice a version that does not boot.  One
 * that has answered since the machine was started is believed, unless its version is unpacked anew.
 */
#include "deploy/candidate.h"
#include "deploy/node.h"
#include "deploy/proof.h"
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
	if (!f->engine.driver->run || node_stays_ready(f, others) ||
	    (!assessment_has_what(others, EFFECT_FILE, f->version_dir) &&
	     proof_counts(f, PROOF_CANARY, NULL)))
		return 0;
	for (size_t i = 0; i < f->n_offers; i++)
		change_add(ret_change, EFFECT_PROBE, f->offers[i].handler,
			   "a sandbox has to answer before the node promises one");
	return 0;
}

static int boot_one(struct install *in, const struct offer *o, struct error *e)
{
	const struct facts *f = in->facts;
	_cleanup_(preview_done) struct preview c = { 0 };
	_candidate_ struct candidate own = { 0 };
	char **kernel = &in->results.guest_kernel;
	uint64_t began = now_ms();
	char *path = NULL;

	if (candidate_read(o, f->settings, &f->configuration, &own, e) < 0 ||
	    (!candidate_is_empty(&own) && candidate_write(&own, o, f->settings, &path, e) < 0))
		return -e->code;
	preview_init(&c, o, f->version_dir, path);
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
	const struct facts *f = in->facts;
	struct error ignored;
	int r = 0;

	(void)change;
	for (size_t i = 0; r >= 0 && i < f->n_offers; i++)
		r = boot_one(in, &f->offers[i], e);
	if (r >= 0)
		proof_note(f, PROOF_CANARY, in->results.guest_kernel);
	if (candidate_clear(f->settings->etc, &f->settings->owner, &ignored) < 0)
		log_warn("%s", ignored.msg);
	return r;
}

const struct step step_canary = {
	.name = "canary",
	.purpose = "boot a sandbox",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
