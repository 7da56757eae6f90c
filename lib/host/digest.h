/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DIGEST_H
#define LIB_HOST_DIGEST_H

#include "lib/error.h"
#include "lib/sha256.h"

/* Of all that FD, called NAME, still has to read: lower-case hexadecimal. */
int digest_fd(int fd, const char *name, char ret_hex[SHA256_HEX + 1], struct error *e);

#endif
