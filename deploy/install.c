/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install - the context of a run of the installer: its facts, its means, its results.
 *
 * One thread.
 */
#include "deploy/install.h"

/* A little less than the startup probe allows (manifests/), so that a run which takes longer says
 * why before the kubelet ends it. */
#define RUN_MS (19 * 60 * UINT64_C(1000))
#define ASK_MS (2 * 60 * UINT64_C(1000))

static int open_kube(struct install *in, struct error *e)
{
	_kube_config_ struct kube_config config = { 0 };
	int r = kube_config_load(&config, e);

	if (r < 0 || kube_open(&config, &in->facts->settings->owner, &in->kube, e) < 0)
		return -e->code;
	kube_set_refusal(in->kube, in->facts->settings->refused_wait_s * UINT64_C(1000));
	return 0;
}

struct site install_look(const void *context)
{
	const struct install *in = context;
	const struct facts *f = in->facts;

	return (struct site){
		.way = facts_transition(f),
		.owner = &f->settings->owner,
		.scope = f->scope,
		.etc = f->settings->etc,
		.configuration = &f->configuration,
		.pin = f->pin,
		.runner = &f->engine,
		.cancel = in->cancel,
	};
}

int install_open(const struct facts *f, const struct cancel *cancel, struct install *ret_install,
		 struct error *e)
{
	struct install in = {
		.common.look = install_look,
		.facts = f,
		.cancel = cancel,
		.deadline_ms = deadline_in(RUN_MS),
	};

	if (open_kube(&in, e) < 0)
		return -e->code;
	in.asked = json_object_new_object();
	*ret_install = in;
	return 0;
}

void install_done(struct install *in)
{
	kube_close(in->kube);
	json_putp(&in->asked);
	free(in->results.guest_kernel);
	*in = (struct install){ 0 };
}

uint64_t install_ask_ms(const struct install *in)
{
	return min_u64(in->deadline_ms, deadline_in(ASK_MS));
}
