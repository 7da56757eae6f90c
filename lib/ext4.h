/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_EXT4_H
#define LIB_EXT4_H

#include <sys/types.h>

#include "lib/error.h"

/* ext4 - make an empty ext4 file system. */

enum ext4_ground {
	EXT4_FILE, /* empty: it gets the length that is used, and stays sparse */
	EXT4_DISK, /* it has its length, and anything in it: what it had is lost */
};

struct ext4_new {
	uint64_t bytes; /* the most that it may take */
	enum ext4_ground ground;
	uint8_t uuid[16];
	uint32_t time; /* seconds since 1970 */
	mode_t mode;   /* of its top folder, with its owner */
	uid_t uid;
	gid_t gid;
};

#define EXT4_MIN (UINT64_C(16) * MIB)

/* Writes it into FD: a terabyte takes some 300 KiB of a file, and 34 MiB more on a disk.  There is
 * no lost+found: programs that want an empty folder find one.  ENOSPC if BYTES are less than
 * EXT4_MIN.
 */
int ext4_make(int fd, const struct ext4_new *new, struct error *e);

#endif
