/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_HOLDER_H
#define LIB_HOST_HOLDER_H

#include "lib/error.h"
#include "lib/owner.h"

/*
 * Which program's installation a root has: ROOT/.owner names it.  One program leaves no mark, as
 * its roots were there before marks (owner.h); a mark without an installation means nothing.
 */

/* The program; NULL: nothing is installed there.  Caller frees. */
char *holder_of(const struct owner *owner, const char *root);
/* The program, where it is another one: all that is in ROOT is that one's.  NULL otherwise.  Caller
 * frees. */
char *holder_other(const struct owner *owner, const char *root);
/* EEXIST if ROOT has another program's installation. */
int holder_check(const struct owner *owner, const char *root, struct error *e);
/* Marks ROOT, before anything of an installation is in it. */
int holder_mark(const struct owner *owner, const char *root, struct error *e);
/* Takes the mark away where no installation is any more. */
void holder_forget(const char *root);

#endif
