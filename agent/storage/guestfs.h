/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_STORAGE_GUESTFS_H
#define AGENT_STORAGE_GUESTFS_H

/* guestfs - the kernel's own file systems that a machine has mounted, for who binds them. */

/* Mounts those that belong at PATH, above it or below it and are not there.  What the kernel does
 * not have is left out.  Any thread. */
void guestfs_provide(const char *path);

#endif
