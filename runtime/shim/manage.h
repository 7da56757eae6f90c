/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_MANAGE_H
#define RUNTIME_SHIM_MANAGE_H

#include "runtime/shim/shim.h"

/* manage - the management socket, on which root asks this shim (runtime/sandbox/management.h). */

struct manage;

/* Makes the socket; it goes with the folder it lies in. */
struct manage *manage_new(struct shim *shim, const char *path, struct error *e);
/* When the pool has stopped. */
void manage_free(struct manage *m);

#endif
