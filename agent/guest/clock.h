/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_CLOCK_H
#define AGENT_GUEST_CLOCK_H

#include "lib/rpc/server.h"

/* clock - the guest's time of day, which the host knows better. */

enum clock_change { CLOCK_LEAVE, CLOCK_SLEW, CLOCK_STEP };

/* What becomes of a clock that is OFFSET_NS behind.  IS_IN_USE: programs have read it. */
enum clock_change clock_change_for(int64_t offset_ns, bool is_in_use);

rpc_handler clock_rpc_set;

#endif
