/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_RUN_H
#define MANAGER_RUN_H

#include "lib/host/site.h"
#include "manager/machine.h"

/* What a run has done so far. */
struct results {
	unsigned steps;        /* that had to run */
	unsigned restarts;     /* of container engines */
	char *guest_kernel;    /* of the canary */
	uint64_t moved, saved; /* bytes of a release from a mirror */
};

/* The context of every step. */
struct action;
struct run {
	struct site_context common;
	struct manager *manager;
	const struct action *action; /* NULL: of an interrupted run */
	struct machine machine;
	struct results results;
};

/* The tables of steps, see plan.c. */
extern step_table install_steps;
extern step_table remove_steps;
extern step_table settings_steps; /* where nothing is installed */
/* Of packages, for whom nobody is asked and nothing is started: */
extern step_table assemble_steps;
extern step_table dismantle_steps; /* where nothing uses it */
extern step_table leave_steps;     /* where something does */

/* Reads into K what shall be.  ARG is the caller's. */
typedef int run_want(struct machine *k, const void *arg, struct error *e);

struct action {
	const char *name; /* "install" */
	const struct step *const *steps;
	enum presence presence;
	bool asks_nobody; /* no engine, of which there is only the link */
	const char *note; /* it only changes settings, as nothing is installed, and says this */
	run_want *want;
	const void *arg;
};

/* Brings the machine to what ACTION wants: takes the lock, takes back what an interrupted run left,
 * reads, assesses and runs.  With --dry-run it tells what would be done.  Returns the exit status.
 */
int run_action(struct manager *m, const struct action *action, struct error *e);
/* Takes back what an interrupted run left, and no more. */
int run_recover(struct manager *m, struct error *e);

#endif
