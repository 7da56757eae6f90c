/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_SIGNAL_H
#define RUNTIME_POD_SIGNAL_H

#include "runtime/pod/task.h"

/* signal - signals for processes.  Io thread. */

/* Sends SIGNAL to P, whatever its state. */
void process_signal(struct process *p, struct asker asker, uint32_t signal);
/* The same as an engine asks for it.  0: that needed nobody, and ASKER is not used; 1: ASKER will
 * be answered. */
int process_kill(struct process *p, uint32_t signal, struct asker asker, struct error *e);

#endif
