/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_PEER_H
#define LIB_HOST_PEER_H

#include <stdio.h>

#include "lib/str.h"

/* The process that listens on a socket of this machine, in the namespaces that we are in. */

/* A path that runs its program, wherever the file of that is.  Caller frees.  ENOENT: nobody
 * listens. */
int peer_program(const char *socket, char **ret_program, struct error *e);
/* Writes the words it was started with, one a line, behind one for each of PATHS.  In paths, links
 * are followed but for the last name. */
int peer_words(const char *socket, char *const *paths, FILE *out, struct error *e);

#endif
