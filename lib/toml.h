/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_TOML_H
#define LIB_TOML_H

#include "lib/str.h"

/*
 * TOML 1.0 (toml.io/en/v1.0.0): a reader that keeps the line of every value, and an editor that
 * changes a text in place and leaves every other byte as it was.
 */

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME, /* kept as text */
	TOML_ARRAY,
	TOML_TABLE,
};

/* How a table or array came to be, which decides what later lines may add to it. */
enum toml_origin {
	TOML_VALUE,    /* written as one value: closed */
	TOML_IMPLICIT, /* a parent that only headers of deeper tables name */
	TOML_HEADER,   /* [table], or an element or list of [[tables]] */
	TOML_DOTTED,   /* a.b = 1 made "a" */
};

struct toml {
	enum toml_type type;
	enum toml_origin origin;
	unsigned line;         /* where it begins, from 1 */
	char *key;             /* own name inside a table, else NULL */
	struct toml *next;     /* next sibling in a table or array, in the order of the file */
	struct toml *children; /* first entry of a table or array */
	struct toml *last;     /* the last one */
	union {
		struct {
			char *s; /* STRING and DATETIME, NUL-terminated */
			size_t len;
		} text;
		int64_t integer;
		double real;
		bool boolean;
	};
};

/* One header or one key with its value as it stands in a document, for editing. */
struct toml_entry {
	bool is_header;
	bool in_array;   /* [[table]] or below one */
	strv path;       /* from the root: the header's keys, then the entry's own */
	size_t n_header; /* how many of them the header gave */
	size_t begin;    /* of its first line */
	size_t end;      /* behind the line feed of its last line */
	size_t value_begin, value_end;
};

struct toml_entries {
	struct toml_entry *list;
	size_t n;
};

/* Parses LEN bytes; NAME is for messages ("NAME:LINE: ...").  EINVAL for anything TOML 1.0 forbids.
 * Nesting is limited to 64 levels, a document to 4 MiB. */
int toml_parse(const char *text, size_t len, const char *name, struct toml **ret_root,
	       struct error *e);
void toml_free(struct toml *root);
DEFINE_CLEANUP(toml_freep, struct toml *, toml_free)

/* Parses and lists what stands where, in the order of the document. */
int toml_scan(const char *text, size_t len, const char *name, struct toml_entries *ret_entries,
	      struct error *e);
void toml_entries_done(struct toml_entries *entries);

/* Splits a dotted path as it stands between the brackets of a header. */
int toml_split_path(const char *path, strv *ret_keys, struct error *e);

/* The value at a dotted PATH of bare keys; a part with other characters is quoted as in TOML.
 * NULL if there is none. */
const struct toml *toml_get(const struct toml *root, const char *path);
/* The value of KEY, as it is, in TABLE itself.  NULL if there is none, or no table. */
const struct toml *toml_child(const struct toml *table, const char *key);
const char *toml_type_name(enum toml_type type);
/* Every value of the document, a line each: "a.b = LITERAL", in its order.  Equal values give equal
 * lines however they were written.  Caller frees. */
char *toml_flatten(const struct toml *root);

/*
 * Editing: each takes a whole document and returns a new one (caller frees).  TABLE is a dotted
 * path as it would stand between brackets.  LITERAL is TOML text of the value.
 */
/* Sets KEY in TABLE, making the table at the end of the document if it is missing. */
int toml_set(const char *text, const char *table, const char *key, const char *literal,
	     char **ret_text, struct error *e);
/* Removes TABLE with its header, its keys and all tables below it. */
int toml_remove_table(const char *text, const char *table, char **ret_text, struct error *e);
/* S as a TOML basic string with quotes.  Caller frees. */
char *toml_quote(const char *s);

#endif
