/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_HANDOVER_H
#define RUNTIME_SHIM_HANDOVER_H

#include "runtime/shim/arguments.h"

/* Runs, in place of this program, the shim of upstream's that made the sandbox of the container in
 * BUNDLE, with the same arguments; it was adopted into ROOT.  Returns 0 if the sandbox is none of
 * upstream's, by what is below RUN, or nothing was adopted; ENOENT if that shim is not there. */
int handover(const char *run, const char *root, const struct arguments *a, const char *bundle,
	     struct error *e);
/* The root of the installation that this program belongs to.  Caller frees. */
int handover_root(char **ret_root, struct error *e);

#endif
