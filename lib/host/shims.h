/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SHIMS_H
#define LIB_HOST_SHIMS_H

#include "lib/error.h"
#include "lib/str.h"

/* Processes below PROC ("/proc") that are Kata's shims and run from no version directory: adds the
 * ids of their sandboxes to IDS and their programs to PROGRAMS.  From within a pod none is seen. */
void shims_list(const char *proc, strv *ids, strv *programs);

#endif
