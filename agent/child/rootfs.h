/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_ROOTFS_H
#define AGENT_CHILD_ROOTFS_H

#include "lib/error.h"

struct Oci__Spec;

/*
 * The file tree of a container, built in the container's own mount namespace by the child that
 * becomes its first process.  One thread; nothing of the agent's namespace changes.
 */

/* Puts the root of SPEC, the first of the trees, on top of "/" with its mounts, devices and links.
 * Paths of this process still lead to the guest's tree.  Returns a descriptor of the new root. */
int rootfs_build(const struct Oci__Spec *spec, struct error *e);

/* Shows the terminal SLAVEFD as /dev/console. */
int rootfs_console(int rootfd, int slavefd, struct error *e);

/* The last changes: working directory, masked and read-only paths, read-only root. */
int rootfs_finish(int rootfd, const struct Oci__Spec *spec, struct error *e);

/* Makes ROOTFD the root and working directory of this process and lets go of every other mount.
 * PROCFD is the guest's /proc. */
int rootfs_enter(int rootfd, int procfd, struct error *e);

/* Gives the root the propagation NAME of the specification ("" : as it is).  Volumes keep what
 * their own options say. */
int rootfs_propagate(const char *name, struct error *e);

/* TEXT is that of a mountinfo file: the mount points that share the parent of mount TREE_ID but are
 * not it.  Caller frees the list. */
char **rootfs_siblings(const char *text, uint64_t tree_id);

#endif
