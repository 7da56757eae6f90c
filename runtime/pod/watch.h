/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_WATCH_H
#define RUNTIME_POD_WATCH_H

#include "runtime/pod/pod.h"

/* watch - what may happen to a sandbox by itself. */

struct watch;

/* Watches the processes of the VM, the agent's connection and memory shortage, of a POD that runs.
 * Io thread, as all below. */
struct watch *watch_new(struct pod *pod, struct error *e);
void watch_free(struct watch *w);
/* Sets the guest's clock soon, as after a time in which it did not run. */
void watch_set_clock(struct watch *w);

#endif
