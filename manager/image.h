/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANAGER_IMAGE_H
#define MANAGER_IMAGE_H

#include "lib/error.h"

/* Where the image has this program. */
#define IMAGE_PROGRAM "/program"

/* Writes into the folder DIR a container image called NAME ("host.name/path:tag") that has nothing
 * but this very program; *ret_path is an archive that every container manager loads.  The program
 * must be linked statically.  Caller frees. */
int image_write(const char *dir, const char *name, char **ret_path, struct error *e);

#endif
