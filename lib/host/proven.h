/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PROVEN_H
#define LIB_HOST_PROVEN_H

#include "lib/error.h"
#include "lib/str.h"

/* What was proven on this machine since it was started, remembered in ROOT: a version with its
 * configuration that has booted need not boot again to be believed. */

/* Whether NAME was proven, as KIND ("canary") has it; *ret_kernel, which may be NULL, is the
 * guest's, "" if nobody said. */
bool proven_has(const char *root, const char *kind, const char *name, char **ret_kernel);
/* Remembers that it was, with the guest's KERNEL (NULL: nobody said). */
void proven_note(const char *root, const char *kind, const char *name, const char *kernel);
int proven_forget(const char *root, struct error *e);

#endif
