/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_CONTROL_H
#define RUNTIME_POD_CONTROL_H

#include "runtime/pod/task.h"

/* control - what else is asked of containers.  Each fails, or answers ASKER later.  Io thread. */

int task_pause(struct task *task, struct asker asker, struct error *e);
int task_resume(struct task *task, struct asker asker, struct error *e);
int task_update(struct task *task, Oci__LinuxResources *own_resources, struct asker asker,
		struct error *e);
/* ASKER is told an Agent__StatsContainerResponse, or at once that there is none to be had, as the
 * container has ended. */
int task_stats(struct task *task, struct asker asker, struct error *e);
/* 0: that needed nobody, and ASKER is not used; 1: ASKER will be answered. */
int process_resize(struct process *p, uint32_t width, uint32_t height, struct asker asker,
		   struct error *e);
/* The terminal of one that has started gets the size that was asked for before. */
void process_set_size(struct process *p);

#endif
