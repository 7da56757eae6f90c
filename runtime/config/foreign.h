/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_FOREIGN_H
#define RUNTIME_CONFIG_FOREIGN_H

#include "lib/toml.h"

/*
 * foreign - keys of upstream's files whose feature is not here.
 *
 * What asks for nothing, or for what cannot be noticed, is read without a word, so that a file of
 * upstream's does not fill the log at each start.  What asks for more is refused: an administrator
 * who wrote it would believe to have it.
 */

#define FOREIGN_ANY_KEY "*"
#define FOREIGN_OFF     ""

struct foreign {
	const char *section; /* as in fields.h, with CONFIG_HYPERVISOR for those of hypervisors */
	const char *key;     /* FOREIGN_ANY_KEY: whatever the table has beside its other rows */
	/* The values that ask for nothing: FOREIGN_OFF is false, 0, "" and []; else one word, to be
	 * compared with a text or with "true"; NULL: all. */
	const char *harmless;
	const char *asks; /* for what the other values ask */
};

extern const struct foreign foreigns[];
extern const size_t n_foreigns;

/* The row for KEY in the table SECTION of a file ("hypervisor.qemu"); NULL if there is none. */
const struct foreign *foreign_find(const char *section, const char *key);
/* True if SECTION is a table that some row is in. */
bool foreign_has_section(const char *section);
bool foreign_is_harmless(const struct foreign *row, const struct toml *value);
/* The same of an annotation's text. */
bool foreign_is_harmless_text(const struct foreign *row, const char *text);

/* True if NAME, a key that nobody knows, is about protection by the words in it: then it is not
 * only warned about. */
bool foreign_is_protection(const char *name);

#endif
