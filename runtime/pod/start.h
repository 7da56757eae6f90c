/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_POD_START_H
#define RUNTIME_POD_START_H

#include "runtime/pod/task.h"

/* start - let a created container run, or run one more process in it.  Io thread. */

struct exec_params {
	const char *id;
	const char *in, *out, *err;
	bool is_terminal;
};
/* Whether TASK may have one more process.  Then notes it, to be started. */
int task_check_exec(struct task *task, const struct exec_params *params, struct error *e);
void task_add_exec(struct task *task, const struct exec_params *params, Oci__Process *own_spec);

/* Fails, or answers ASKER later. */
int process_start(struct process *p, struct asker asker, struct error *e);

#endif
