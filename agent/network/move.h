/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NETWORK_MOVE_H
#define AGENT_NETWORK_MOVE_H

#include "lib/error.h"

struct sandbox;

/* Moves every interface that is up, with its addresses, routes and permanent neighbours, from the
 * calling thread's network namespace to NETNS, where lo comes up as well.  Work thread. */
int network_move(int netns, struct error *e);

/* Moves the interface NAME, which was plugged in, to where the sandbox has its network. */
int network_move_plugged(struct sandbox *sb, const char *name, struct error *e);

/* The calling thread works where the sandbox has its network, until network_leave().  Returns what
 * that takes. */
int network_enter(struct sandbox *sb, struct error *e);
void network_leave(int own);

#endif
