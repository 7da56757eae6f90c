/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_FRONT_H
#define RUNTIME_SHIM_FRONT_H

#include "runtime/pod/open.h"
#include "runtime/shim/shim.h"

/* front - put a pod and its front ends together. */

/* An empty pod of PARAMS, whose listener is set here, that serves no connection yet.  ADDRESS as
 * for events_new().  After a failure it is closed, too. */
int shim_open(struct shim *shim, const struct pod_params *params, const char *address,
	      struct error *e);
/* After loop_run(). */
void shim_close(struct shim *shim);

#endif
