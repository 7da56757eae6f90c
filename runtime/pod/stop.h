/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_STOP_H
#define RUNTIME_POD_STOP_H

#include "runtime/pod/op.h"

/* stop - the end of the sandbox, and of the pod.  Io thread. */

extern const struct pod_calls pod_calls;

/* Ends the sandbox and all its processes; STATUS is what those get that nobody saw exit. */
void pod_stop(struct pod *pod, uint32_t status);
/* Runs OP->finish once the sandbox has stopped, which may be now. */
void pod_when_stopped(struct pod *pod, struct op *own_op);
/* Runs what waits for that. */
void pod_run_waiting(struct pod *pod);
/* Forgets the sandbox, answers ASKER and is over, once the sandbox has stopped. */
void pod_leave(struct pod *pod, struct asker asker);
/* Is over without being asked for it if the sandbox has stopped, or once it has, if it does so by
 * now; a pod with a sandbox, or on the way to one, goes on. */
void pod_told_to_end(struct pod *pod);

#endif
