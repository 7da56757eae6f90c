/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_TRUST_H
#define RUNTIME_CONFIG_TRUST_H

#include "lib/file.h"

/* Whom a file of the host must belong to before we act on it: nobody but root, or ourselves, can
 * have written or replaced it. */

/* Opens PATH (O_RDONLY) if it is a regular file that belongs to root or to the caller and can be
 * written by nobody else: EPERM says which is not so.  Returns the descriptor. */
int trust_open(const char *path, struct error *e);

/* The same for PATH and every folder above it, links resolved; a folder that others may write is
 * accepted with the sticky bit.  KIND is S_IFREG, S_IFDIR or S_IFCHR. */
int trust_check_path(const char *path, mode_t kind, struct error *e);

#endif
