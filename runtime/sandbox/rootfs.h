/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_ROOTFS_H
#define RUNTIME_SANDBOX_ROOTFS_H

#include "lib/str.h"

/* A mount as containerd's snapshotter describes it. */
struct rootfs_mount {
	const char *type;
	const char *source;
	const char *target; /* below the root file system; "" or NULL: its top */
	char *const *options;
	size_t n_options;
};

/* Mounts MOUNTS in order where nobody sees it, on DIR, which is made if it is missing.  Returns a
 * descriptor of the detached tree. */
int rootfs_tree(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		struct error *e);
/* The same on the host, for kernels without detached trees.  A failure leaves none of them. */
int rootfs_mount(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		 struct error *e);
/* Takes away what rootfs_mount() made.  Nothing there is success. */
void rootfs_unmount(const char *dir);

/* All of them with their text in one piece of memory.  Caller frees. */
struct rootfs_mount *rootfs_mounts_copy(const struct rootfs_mount *mounts, size_t n_mounts);

/* Splits mount options into flags of mount(2) and the data of the file system.  Caller frees. */
char *rootfs_options(char *const *options, size_t n_options, unsigned long *ret_flags);

#endif
