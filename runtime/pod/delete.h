/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_DELETE_H
#define RUNTIME_POD_DELETE_H

#include "runtime/pod/task.h"

/* delete - take a container or an exec away.  Io thread. */

/* Fails, or answers ASKER, perhaps before it returns. */
int process_delete(struct process *p, struct asker asker, struct error *e);
/* Goes on with the Delete that came while TASK was being created: now it is, or never will be. */
void task_delete_created(struct task *task);
void task_delete_uncreated(struct task *task);

#endif
