/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_ROOTFS_PATH_H
#define AGENT_CHILD_ROOTFS_PATH_H

#include "lib/error.h"

enum rootfs_kind { ROOTFS_DIR, ROOTFS_FILE };

/* An O_PATH descriptor of PATH with ROOTFD as "/", links followed inside it.  What is missing is
 * made, at the end of a link that leads to nothing as well. */
int rootfs_place(int rootfd, const char *path, enum rootfs_kind kind, struct error *e);

/* PATH without any link in the parts that exist.  Caller frees. */
int rootfs_resolve(int rootfd, const char *path, char **ret_path, struct error *e);

#endif
