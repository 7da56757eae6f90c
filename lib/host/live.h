/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LIVE_H
#define LIB_HOST_LIVE_H

#include "lib/wait.h"

/* How many containers with a runtime of ours ("io.containerd.kata...", or a shim's path) containerd
 * knows, in all its namespaces.  While there are any, no file a sandbox may use can go. */
int live_sandboxes(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		   unsigned *ret_count, struct error *e);

#endif
