/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_REAPER_H
#define AGENT_CONTAINER_REAPER_H

#include "lib/loop.h"

/* Collects processes that were left to the agent by their parents.  Io thread; made before threads
 * exist. */
struct reaper;

struct reaper *reaper_new(struct loop *loop, struct error *e);
void reaper_free(struct reaper *reaper);

#endif
