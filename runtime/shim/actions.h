/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_ACTIONS_H
#define RUNTIME_SHIM_ACTIONS_H

#include "runtime/shim/arguments.h"

/* Makes the shim of a pod, or finds that of the pod a container belongs to, and prints its
 * address. */
int action_start(const struct arguments *a, struct error *e);
/* Cleans up what a dead shim left and prints how its first container ended. */
int action_delete(const struct arguments *a, struct error *e);
/* Is the shim, until it is shut down. */
int action_serve(const struct arguments *a, struct error *e);

/* Opens the log of the bundle in the working directory, or leaves standard error. */
void actions_open_log(const struct arguments *a, const char *bundle);
/* The folder of the container: -bundle, or the working directory.  Caller frees. */
int actions_bundle(const struct arguments *a, char **ret_bundle, struct error *e);

#endif
