/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_WRITER_H
#define LIB_HOST_WRITER_H

#include "lib/wait.h"

/* Has the program that wrote the journal in ROOT take back what that says: a version lies there
 * with the program that installed it.  Call it without the lock.  ENOENT if the journal names none
 * that is there. */
int writer_finish(const char *root, const struct cancel *cancel, struct error *e);

#endif
