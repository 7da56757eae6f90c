/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_NAMES_H
#define RUNTIME_POD_NAMES_H

#include "runtime/pod/pod.h"

/* names - carry what the guest asks of a name server in the pod's network namespace.  Io thread. */

struct names;

/* Begins to carry as soon as there is such a server, if POD runs; to be called whenever there may
 * be one by now.  Whatever the agent is asked afterwards it is asked after it listens. */
void names_look(struct pod *pod);
/* Before the sandbox. */
void names_free(struct names *own_names);

#endif
