/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_REDACT_H
#define LIB_REDACT_H

#include "lib/base.h"

/* Whether the LEN characters at KEY end in a word that secrets are called by. */
bool redact_is_secret(const char *key, size_t len);

/* TEXT without the values that "KEY = VALUE" and "KEY: VALUE" give to such keys, up to the end of
 * their lines and of those that they go on in, without passwords in URLs, private keys, the
 * environment of services, and tokens that look like ones.  In place; it gets no longer. */
void redact_text(char *text);

#endif
