/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_LOOPDEV_H
#define RUNTIME_SANDBOX_LOOPDEV_H

#include "lib/error.h"

enum loopdev_access { LOOPDEV_READ_ONLY, LOOPDEV_READ_WRITE };

/* Makes a loop device of FILE, which goes when nobody has it open or mounted any more.  Returns a
 * descriptor that keeps it until then; *ret_node ("/dev/loop3") is the caller's to free.  Work
 * thread. */
int loopdev_attach(const char *file, enum loopdev_access access, char **ret_node, struct error *e);

#endif
