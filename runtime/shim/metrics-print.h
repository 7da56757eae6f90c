/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_METRICS_PRINT_H
#define RUNTIME_SHIM_METRICS_PRINT_H

#include <stdio.h>
#include <sys/types.h>

/* Parts of metrics.c, public for tests.  Apart, as musl's <stdio.h> takes the names that the Task
 * service has for streams. */

/* The processes PIDS together as families PREFIX_..., read below PROC. */
void metrics_print_processes(FILE *out, const char *prefix, const char *proc, const pid_t *pids,
			     size_t n_pids);
/* What the guest said, a line at a time: it speaks of itself alone. */
void metrics_print_guest(FILE *out, const char *text);

#endif
