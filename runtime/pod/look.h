/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_LOOK_H
#define RUNTIME_POD_LOOK_H

#include "runtime/pod/pod.h"

/* look - when to look whether anybody still wants a pod.  Io thread. */

/* Whether there is no pod that runs: none yet, none any more, or one whose first container never
 * started. */
bool pod_may_be_abandoned(const struct pod *pod);
/* To be called whenever that may have become true. */
void pod_look_again(struct pod *pod);

#endif
