/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_HOOK_H
#define RUNTIME_SANDBOX_HOOK_H

#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/wait.h"

/* hook - run the programs that a specification names for moments of a container's life. */

/* What a hook reads on its standard input. */
struct hook_state {
	const char *version; /* of the specification */
	const char *id;
	const char *bundle;
	Oci__Spec__AnnotationsEntry *const *annotations;
	size_t n_annotations;
	pid_t pid; /* 0: there is none any more */
};

enum hook_moment {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	N_HOOK_MOMENT,
};

/* Runs those of MOMENT, one after another, in the host's namespaces and the bundle.  The first that
 * fails, or takes too long, is the result and the last that ran; but of POSTSTOP every one runs,
 * what fails is logged, and the result is 0.  HOOKS NULL has none.  Work thread. */
int hooks_run(const Oci__Hooks *hooks, enum hook_moment moment, const struct hook_state *state,
	      const struct cancel *c, struct error *e);

#endif
