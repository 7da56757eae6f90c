/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_INSTALL_H
#define DEPLOY_INSTALL_H

#include "deploy/facts.h"
#include "lib/host/site.h"
#include "lib/kube/apply.h"

/* What a run has done so far. */
struct results {
	unsigned steps;               /* that had to run */
	unsigned restarts;            /* of the container engine */
	char *guest_kernel;           /* of the canary */
	char attempt[SHA256_HEX + 1]; /* of the engine's configuration, see attempt.h */
	const struct step *step;      /* the one that began last */
	bool is_refused;              /* a right went before the cluster was told of a removal */
};

/* The context of every step: the facts, the means to act, and the results. */
struct install {
	struct site_context common;
	const struct facts *facts;
	struct kube_client *kube;
	struct json_object *asked; /* by path, see asked.h */
	const struct cancel *cancel;
	uint64_t deadline_ms;
	struct results results;
};

/* Of the common part: CONTEXT is an install. */
struct site install_look(const void *context);

int install_open(const struct facts *f, const struct cancel *cancel, struct install *ret_install,
		 struct error *e);
void install_done(struct install *in);
#define _install_ _cleanup_(install_done)

/* Deadline of one request to the API server. */
uint64_t install_ask_ms(const struct install *in);

/* The tables of steps, see plan.c. */
extern step_table install_steps;
extern step_table cleanup_steps;
extern step_table leave_steps; /* where the root is another program's */
extern step_table reset_steps;

#endif
