/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial - have the engine run a sandbox of each handler as it does for a pod.
 *
 * The canary proves that the version boots here; this proves that the handler, as the engine has
 * it, leads to that version.  Where the engine runs no sandbox of its own kind either, that is no
 * fault of the handler's: the canary's word stands, if there was one.
 */
#include "deploy/attempt.h"
#include "deploy/node.h"
#include "deploy/proof.h"
#include "lib/host/envoy.h"
#include "lib/log.h"
#include "lib/rpc/status.h"

#define TRIAL_MS (180 * UINT64_C(1000))

/* What the engine has is as it was when it ran one, and so is what it runs. */
static bool is_proven(const struct facts *f, const struct assessment *others)
{
	return !assessment_has(others, EFFECT_RESTART) &&
	       !assessment_has_what(others, EFFECT_FILE, f->version_dir) &&
	       proof_counts(f, PROOF_TRIAL, NULL);
}

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	(void)e;
	if (node_stays_ready(f, others) || is_proven(f, others))
		return 0;
	for (size_t i = 0; i < f->n_offers; i++)
		change_add(ret_change, EFFECT_PROBE, f->handlers[i].name,
			   "the engine has to run a sandbox with it");
	return 0;
}

/* 1: it ran one; 0: nothing is proven. */
static int try_one(struct install *in, const struct handler *h, struct error *e)
{
	const struct facts *f = in->facts;
	uint64_t began = now_ms();
	int r = envoy_trial(&f->engine, h, f->version_dir, deadline_in(TRIAL_MS), in->cancel, e);

	if (r == -ENODATA && f->engine.driver->run) {
		log_warn("%s", e->msg);
		return 0;
	}
	/* What may pass by itself is tried again; and what is no fault of the handler's, as the
	 * engine shows before its next restart whether that is over (host.c). */
	if (r < 0 && r != -ENODATA && !rpc_may_pass(e->code))
		attempt_failed(in, e);
	if (r < 0)
		return r;
	log_info("the engine ran a sandbox of '%s' in %llu ms", h->name,
		 (unsigned long long)(now_ms() - began));
	return 1;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;
	bool is_proof = true;

	(void)change;
	for (size_t i = 0; i < in->facts->n_offers; i++) {
		int r = try_one(in, &in->facts->handlers[i], e);

		if (r < 0)
			return r;
		is_proof &= r > 0;
	}
	if (is_proof)
		proof_note(in->facts, PROOF_TRIAL, in->results.guest_kernel);
	return 0;
}

const struct step step_trial = {
	.name = "trial",
	.purpose = "run a sandbox as the kubelet does",
	.order = ASSESS_AFTER,
	.assess = assess,
	.run = run,
};
