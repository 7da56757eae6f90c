/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_READY_H
#define AGENT_GUEST_READY_H

#include "lib/work.h"

/* Tells whoever listens on PORT of the host that this agent answers, with one line "READY VERSION".
 * Gives up soon and silently: not every host listens.  Io thread or before loop_run(). */
void ready_tell(struct work_pool *pool, uint32_t port);

#endif
