/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_FIELDS_H
#define RUNTIME_CONFIG_FIELDS_H

#include "lib/str.h"
#include "runtime/config/vmms.h"

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
	const char *section; /* name of the table in the file; CONFIG_HYPERVISOR: a table each */
	unsigned vmms;       /* the hypervisors that have it, as bits; 0: it is of no hypervisor */
	const char *key;
	enum field_type type;
	size_t offset;        /* in struct config */
	const char *fallback; /* when no file sets it (field_fallback()); a list has spaces */
	bool is_fixed;        /* no other value has an effect; read for files of upstream */
	double min, max;
	const char *choices;    /* separated by spaces */
	const char *annotation; /* last part of its name; NULL: never by annotation */
	bool is_for_pods; /* by annotation without enable_annotations: nobody else pays for it, and
			     nothing is weakened by it */
	size_t allowed;   /* offset of the list of patterns an annotated value must match; or 0 */
	const char *help;
};

extern const struct field fields[];
extern const size_t n_fields;

#define FIELD_LIST_MAX 64
#define FIELD_TEXT_MAX 4096

/* SECTION as in the file, with the name of a hypervisor that there is: "hypervisor.qemu". */
const struct field *field_find(const char *section, const char *key);
/* True if some row is in SECTION. */
bool field_has_section(const char *section);

/* True if VMM has ROW, or ROW is of no hypervisor. */
bool field_is_of(const struct field *row, const struct config_vmm *vmm);
/* "hypervisor.qemu", and with the key: "hypervisor.qemu.path".  Caller frees. */
char *field_section(const struct field *row, const struct config_vmm *vmm);
char *field_name(const struct field *row, const struct config_vmm *vmm);
/* The default of ROW for VMM. */
const char *field_fallback(const struct field *row, const struct config_vmm *vmm);
/* The names of all keys of all hypervisors.  Caller frees. */
strv field_names(void);

/* The member of *C that ROW describes. */
void *field_of(const struct field *row, struct config *c);
const void *field_of_const(const struct field *row, const struct config *c);

/* Each checks type and limits and leaves *C alone on failure; the message begins with the key. */
int field_set_toml(const struct field *row, struct config *c, const struct toml *value,
		   struct error *e);
int field_set_text(const struct field *row, struct config *c, const char *text, struct error *e);
/* Undoes a value without effect. */
void field_keep_fixed(const struct field *row, struct config *c);
void field_clear(const struct field *row, struct config *c);

/* The value as TOML text.  Caller frees. */
char *field_text(const struct field *row, const struct config *c);
const char *field_type_name(enum field_type type);

/* Path VALUE with a leading /opt/kata replaced by VERSION_DIR.  Caller frees. */
char *field_resolve_path(const char *version_dir, const char *value);

#endif
