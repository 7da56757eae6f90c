/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_READBACK_H
#define LIB_HOST_READBACK_H

#include "lib/error.h"
#include "lib/sha256.h"
#include "lib/str.h"

/* The digest of what a file gives back, taken while more is written to it. */
struct readback;

/* Begins with FD, an empty file called NAME; both are borrowed. */
int readback_begin(int fd, const char *name, struct readback **ret_readback, struct error *e);
/* LEN more bytes were written behind the others. */
void readback_add(struct readback *r, size_t len);
/* All were written. */
int readback_end(struct readback *r, char ret_hex[SHA256_HEX + 1], struct error *e);
void readback_free(struct readback *r);
DEFINE_CLEANUP(readback_freep, struct readback *, readback_free)

#endif
