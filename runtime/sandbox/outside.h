/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_OUTSIDE_H
#define RUNTIME_SANDBOX_OUTSIDE_H

#include "lib/proc.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "runtime/sandbox/placeholder.h"

/*
 * outside - what of a container is on the host although it runs in the guest: the process that
 * stands for it, and the hooks that its engine wants to run.
 *
 * The calls of one container come one after another.
 */

struct outside;

struct outside_params {
	const char *id;
	const char *bundle;
	struct loop *loop;
	struct placeholders *places;
	const struct cancel *cancel; /* borrowed */
};

/* Starts the placeholder, then runs the hooks of a container that is created; takes the hooks out
 * of SPEC.  A failure runs those of its end.  Work thread. */
int outside_new(const struct outside_params *params, Oci__Spec *spec, struct outside **ret_outside,
		struct error *e);

/* Whether there are hooks of a container that has started. */
bool outside_has_first_hooks(const struct outside *o);
/* Runs them.  Work thread. */
int outside_started(struct outside *o, struct error *e);

/* The placeholder has nothing to stand for any more.  Its number stays what it was, and is nobody
 * else's until outside_reap().  Any thread. */
void outside_ended(struct outside *o);
/* Readable when it can be reaped; -1 when it has been. */
int outside_pidfd(const struct outside *o);
void outside_reap(struct outside *o);

/* Runs the hooks of the container's end, once; what fails is logged.  Work thread. */
void outside_removed(struct outside *o);
/* Whether there are any that have not run. */
bool outside_has_last_hooks(const struct outside *o);
/* The same for the container of BUNDLE, after a crash.  Work thread. */
void outside_forget(const char *id, const char *bundle, Oci__Spec *spec);

/* The process id that the container has here, also when it has ended. */
pid_t outside_pid(const struct outside *o);

/* Kills and reaps the placeholder. */
void outside_free(struct outside *o);

#endif
