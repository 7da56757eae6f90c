/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_PRESENT_H
#define MANAGER_PRESENT_H

#include "lib/host/engine.h"

struct machine;

/* The container engines of this machine, and which of them shall have our handler. */

#define PRESENT_MAX 4

/* A kind of engine, whether this machine has it or not. */
struct present {
	const char *name; /* as --engines and `status` say it */
	struct engine engine;
	bool is_link;         /* nothing but the link in the PATH, which every machine gets */
	bool is_running;      /* it answers, with a version that is supported */
	bool is_there;        /* the same, or it has a program that can be started */
	bool is_chosen;       /* by --engines, now or before */
	bool is_untouched;    /* nothing is planned for it, whatever there is */
	bool is_said;         /* somebody else's handler of our name leads to us by the link */
	struct error silence; /* why it did not say its version; code 0: it did */
	struct error left;    /* why it is left as it is; code 0: it is not */
	struct edit edit;     /* planned with the configuration */
};

/* Fills in what kinds there are, without a look at any. */
void present_open(struct machine *k);
void present_done(struct present *p);
/* None is asked nor planned for but the link by which containerd finds the shim. */
void present_link_only(struct machine *k);
/* Asks each which version it is: itself, or its program where it does not run. */
void present_find(struct machine *k, const struct cancel *cancel);

/* Which engines: OPTION (names between commas, "all" or "none"; NULL: as chosen before) is what
 * counts from now on.  EINVAL names the known ones. */
int present_choose(struct machine *k, const char *option, struct error *e);

/* Plans that the choice is kept. */
int present_plan_choice(struct machine *k, enum presence presence, struct error *e);

/* Plans the edit of P; what its engine cannot have is `left`, and no failure.  EEXIST: a handler of
 * our name is somebody else's. */
int present_plan(struct machine *k, struct present *p, enum presence presence, struct error *e);

#endif
