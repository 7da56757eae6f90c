/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_FIELDS_H
#define RUNTIME_CONFIG_FIELDS_H

#include "lib/str.h"

struct config;
struct toml;

/* The one table of keys, for runtime/config and for what shows and sets keys. */

enum field_type {
	FIELD_BOOL,
	FIELD_UINT, /* min..max */
	FIELD_REAL, /* min..max */
	FIELD_TEXT, /* printable ASCII; one of the words in CHOICES if there are any */
	FIELD_PATH, /* absolute or ""; below /opt/kata means inside the version directory */
	FIELD_LIST, /* of texts */
	N_FIELD_TYPE
};

struct field {
	const char *section; /* name of the table in the file */
	const char *key;
	enum field_type type;
	size_t offset;        /* in struct config */
	const char *fallback; /* when no file sets it; a list is separated by spaces */
	bool is_fixed;        /* no other value has an effect; read for files of upstream */
	double min, max;
	const char *choices;    /* separated by spaces */
	const char *annotation; /* last part of its name; NULL: never by annotation */
	size_t allowed; /* offset of the list of patterns an annotated value must match; or 0 */
	const char *help;
};

extern const struct field fields[];
extern const size_t n_fields;

#define FIELD_LIST_MAX 64
#define FIELD_TEXT_MAX 4096

const struct field *field_find(const char *section, const char *key);
/* True if some row is in SECTION. */
bool field_has_section(const char *section);

/* The member of *C that ROW describes. */
void *field_of(const struct field *row, struct config *c);
const void *field_of_const(const struct field *row, const struct config *c);

/* Each checks type and limits and leaves *C alone on failure; the message begins with the key. */
int field_set_toml(const struct field *row, struct config *c, const struct toml *value,
		   struct error *e);
int field_set_text(const struct field *row, struct config *c, const char *text, struct error *e);
/* Undoes what WHERE (file and line, or an annotation) set to a value without effect, and warns. */
void field_keep_fixed(const struct field *row, struct config *c, const char *where);
void field_clear(const struct field *row, struct config *c);

/* The value as TOML text.  Caller frees. */
char *field_text(const struct field *row, const struct config *c);
const char *field_type_name(enum field_type type);

/* Path VALUE with a leading /opt/kata replaced by VERSION_DIR.  Caller frees. */
char *field_resolve_path(const char *version_dir, const char *value);

#endif
