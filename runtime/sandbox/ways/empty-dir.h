/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_WAYS_EMPTY_DIR_H
#define RUNTIME_SANDBOX_WAYS_EMPTY_DIR_H

#include "runtime/sandbox/ways/way.h"

/* empty-dir - what the ways have in common that give an emptyDir on the node's disk another place.
 */

/* True if M is such a volume, or a folder of one (subPath). */
bool empty_dir_is(const Oci__Mount *m);
/* Where the guest has VOLUME.  Caller frees. */
char *empty_dir_point(const char *volume);
/* The path of SOURCE within VOLUME, "" for all of it.  Caller frees. */
int empty_dir_part(const char *volume, const char *source, char **ret_part, struct error *e);
/* Has the agent make the folder POINT with mode and group of A's source, for as long as the VM
 * runs. */
int empty_dir_add_folder(const struct arrival *a, struct gifts *g, const char *point,
			 struct error *e);

#endif
