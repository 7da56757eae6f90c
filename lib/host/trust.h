/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_TRUST_H
#define LIB_HOST_TRUST_H

#include "lib/host/manifest.h"
#include "lib/host/plan.h"

/*
 * Whose releases a machine takes.  The first key that is given is pinned: ROOT/trusted-keys has it,
 * and from then on another one counts only if the one before signed its text.  The file has a key a
 * line, the newest first; those below it are how one got there, and sign what was installed then.
 * Without a key, given or pinned, whoever brings the release is trusted, unless the caller says no.
 */

#define TRUST_FILE "trusted-keys"

enum trust_unsigned {
	UNSIGNED_REFUSED, /* where there is a key */
	UNSIGNED_NEVER,   /* nor without: there has to be one */
	UNSIGNED_TAKEN,   /* and whatever anybody signed: nothing is looked at */
};

/* What somebody asks for; texts may be NULL or "". */
struct trust {
	const char *root;
	const char *key;      /* a public key (sign.h) */
	const char *rotation; /* the signature of this very text by the key that is pinned */
	enum trust_unsigned not_signed;
};

/* Whether release M may be installed.  ENOKEY: it is not signed, or there is no key; EKEYREJECTED:
 * by another key, or the key given is not the pinned one and nothing says that it follows it.
 * *ret_pin is the text that trust_pin() shall write; NULL: it has it already, or nothing is to be
 * pinned.  Caller frees.
 */
int trust_check(const struct trust *t, const struct manifest *m, char **ret_pin, struct error *e);

/* The same for another text that is signed by the same key: NAME is for messages. */
int trust_check_text(const struct trust *t, const char *text, const char *signature,
		     const char *name, struct error *e);

/* The text that is pinned; NULL: none.  Caller frees. */
int trust_pinned(const char *root, char **ret_text, struct error *e);
/* Pins TEXT; NULL: nothing is pinned any more. */
int trust_pin(const char *root, const char *text, struct error *e);

/* What a step that pins needs: adds that PIN is written, if any; keeps what is pinned now; brings
 * it back. */
void trust_assess(const char *root, const char *pin, struct change *ret_change);
int trust_save(const char *root, struct json_object *data, struct error *e);
int trust_undo(const char *root, struct json_object *data, struct error *e);

/* Whether any of the keys that are pinned signed M, and as *ret_who (for a person; caller frees)
 * who and what he said.  ENOKEY: nobody did, or nothing is pinned. */
int trust_whose(const char *root, const struct manifest *m, char **ret_who, struct error *e);

#endif
