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

/* Mounts MOUNTS in order on DIR, which is made if it is missing.  A failure leaves none of them. */
int rootfs_mount(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		 struct error *e);

/* Splits mount options into flags of mount(2) and the data of the file system.  Caller frees. */
char *rootfs_options(char *const *options, size_t n_options, unsigned long *ret_flags);

#endif
