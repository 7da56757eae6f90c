/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONTAINER_REAPER_H
#define AGENT_CONTAINER_REAPER_H

#include "lib/loop.h"

/* Collects processes that were left to the agent by their parents, those that nobody else has
 * collected for PATIENCE_MS.  Io thread; made before threads exist. */
struct reaper;

struct reaper *reaper_new(struct loop *loop, uint64_t patience_ms, struct error *e);
void reaper_free(struct reaper *reaper);

#endif
