/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_DIGEST_H
#define LIB_HOST_DIGEST_H

#include <stddef.h>

#include "lib/base.h"
#include "lib/error.h"
#include "lib/sha256.h"

/* Of all that FD, called NAME, still has to read: lower-case hexadecimal. */
int digest_fd(int fd, const char *name, char ret_hex[SHA256_HEX + 1], struct error *e);

/* Of what comes piece by piece: begun, added to and ended, as often as it takes, and freed once. */
struct digest {
	struct evp_md_ctx_st *context;
};

void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_end(struct digest *d, char ret_hex[SHA256_HEX + 1]);
void digest_done(struct digest *d);
#define _digest_ _cleanup_(digest_done)

#endif
