/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_NODE_H
#define DEPLOY_NODE_H

#include "lib/error.h"

struct install;

/* The condition KataReady of the Node. */
int node_condition(struct install *in, bool is_ready, const char *reason, const char *message,
		   struct error *e);
/* Takes a label "true" back if nothing is there that could keep its promise: no version, as labels
 * outlive their installation when the right to change the node was deleted with it; or no handler,
 * as containerd's configuration has other writers, too. */
int node_retract(struct install *in, struct error *e);
/* An Event about the Node; a failure is only logged. */
void node_event(struct install *in, bool is_warning, const char *reason, const char *note);

#endif
