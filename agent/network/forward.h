/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_FORWARD_H
#define AGENT_NETWORK_FORWARD_H

#include "lib/sock.h"

/* forward - let the runtime connect to what listens on the pod's localhost. */

struct sandbox;
struct forward;

/* Listens at ADDRESS.  Before loop_run(). */
struct forward *forward_new(struct sandbox *sb, const struct sock_address *address,
			    struct error *e);
/* When no job of the sandbox's pool is under way. */
void forward_free(struct forward *own_forward);

#endif
