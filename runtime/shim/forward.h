/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_FORWARD_H
#define RUNTIME_SHIM_FORWARD_H

#include "lib/error.h"

/* forward - carry connections to the pod's localhost into the guest. */

struct shim;
struct forward;

/* For the sandbox of SHIM, which runs; NULL where there is nothing to be carried. */
struct forward *forward_new(struct shim *shim);
/* Ends them all.  When no op of SHIM is under way, or the pools have stopped. */
void forward_free(struct forward *own_forward);

#endif
