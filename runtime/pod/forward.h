/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_FORWARD_H
#define RUNTIME_POD_FORWARD_H

#include "lib/error.h"

/* forward - carry connections to the pod's localhost into the guest. */

struct pod;
struct forward;

/* For the sandbox of POD, which runs; NULL where there is nothing to be carried. */
struct forward *forward_new(struct pod *pod);
/* Ends them all.  When no op of POD is under way, or the pools have stopped. */
void forward_free(struct forward *own_forward);

#endif
