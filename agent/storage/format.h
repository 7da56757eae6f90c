/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_FORMAT_H
#define AGENT_STORAGE_FORMAT_H

#include "lib/error.h"

/* Makes an empty file system of FSTYPE on the disk NODE, whatever it had before.  ENOTSUP for types
 * that this agent cannot make. */
int format_disk(const char *node, const char *fstype, struct error *e);

#endif
