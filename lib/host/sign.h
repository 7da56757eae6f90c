/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SIGN_H
#define LIB_HOST_SIGN_H

#include "lib/error.h"

/*
 * Ed25519 signatures in the format of minisign, checked, never made.  A key is the file that
 * `minisign -G` calls public, or its second line alone; a signature is the text of FILE.minisig,
 * of either form: of the file's BLAKE2b-512 ("ED", what minisign writes) or of the file itself
 * ("Ed", what it wrote before 0.10).
 */

#define SIGN_TEXT_MAX (16 * KIB) /* of a signature or a key; minisign's longest is below 10 KiB */

struct sign_key {
	uint8_t id[8]; /* names it; no secret */
	uint8_t point[32];
};

/* The name as minisign shows it. */
struct sign_key_name {
	char s[17];
};

/* EINVAL says what is wrong with TEXT; NAME is for messages. */
int sign_key_parse(const char *text, const char *name, struct sign_key *ret_key, struct error *e);
bool sign_key_equal(const struct sign_key *a, const struct sign_key *b);
struct sign_key_name sign_key_name(const struct sign_key *key);
/* Its one line, as sign_key_parse() takes it.  Caller frees. */
char *sign_key_text(const struct sign_key *key);

/* Whether SIGNATURE is KEY's of these bytes; NAME, for messages, is what they are.  EKEYREJECTED:
 * it is another key's; EBADMSG: bytes or signature are not what was signed; EINVAL: it is no
 * signature. *ret_comment, which the signature covers, is one line without control characters, for
 * showing; caller frees. */
int sign_check(const struct sign_key *key, const void *bytes, size_t len, const char *signature,
	       const char *name, char **ret_comment, struct error *e);

#endif
