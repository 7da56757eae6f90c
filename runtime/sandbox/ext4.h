/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_EXT4_H
#define RUNTIME_SANDBOX_EXT4_H

#include <sys/types.h>

#include "lib/error.h"

/* ext4 - make an empty ext4 file system in a file. */

struct ext4_new {
	uint64_t bytes; /* the most that it may take; the file gets what of it is used */
	uint8_t uuid[16];
	uint32_t time; /* seconds since 1970 */
	mode_t mode;   /* of its top folder, with its owner */
	uid_t uid;
	gid_t gid;
};

#define EXT4_MIN (UINT64_C(16) * MIB)

/* Writes it into FD, an empty file, which stays sparse: a terabyte takes some 300 KiB.  There is no
 * lost+found: programs that want an empty folder find one.  ENOSPC if BYTES are less than EXT4_MIN.
 */
int ext4_make(int fd, const struct ext4_new *new, struct error *e);

#endif
