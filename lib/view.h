/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_VIEW_H
#define LIB_VIEW_H

#include <stdio.h>

#include "lib/json.h"

enum view_format { VIEW_TABLE, VIEW_WIDE, VIEW_JSON, VIEW_YAML, VIEW_NAME, N_VIEW_FORMAT };

enum column_form {
	COLUMN_TEXT,
	COLUMN_AGE, /* how long ago a time was */
};

struct column {
	const char *title;
	const char *member; /* of an item */
	enum column_form form;
	bool is_wide; /* in the wide table alone */
};

/* How the items of a command look.  Each is an object of texts, numbers and, for programs alone,
 * whatever else. */
struct view {
	const char *api;       /* version of the whole, for programs: "NAME.katacontainers.io/v1" */
	const char *kind;      /* of the whole, for programs: "NodeList" */
	const char *name_kind; /* of an item, "node"; NULL: items have no names */
	const char *name;      /* the member with it */
	const struct column *columns;
	size_t n_columns;
};

#define VIEW_HEADERS    true
#define VIEW_NO_HEADERS false

/* Parses "", "wide", "json", ... */
int view_parse_format(const char *s, enum view_format *ret_format, struct error *e);
/* All formats with SEPARATOR between them.  Caller frees. */
char *view_formats(const char *separator);

/* Writes ITEMS, an array. */
void view_show(const struct view *view, struct json_object *items, enum view_format format,
	       bool has_headers, FILE *out);
/* The row of ITEM as the table has it, without its widths, or all that programs get: to see whether
 * it changed.  Caller frees. */
char *view_row(const struct view *view, struct json_object *item, enum view_format format);

/* "45s", "12m", "5h", "3d" between two times.  Caller frees. */
char *view_age(int64_t from_s, int64_t to_s);
/* OBJECT in FORMAT, of which all but VIEW_YAML are JSON. */
void view_object(struct json_object *object, enum view_format format, FILE *out);
/* What somebody else wrote: all its lines, and nothing that a terminal obeys. */
void view_text(const char *text, FILE *out);
/* Tells a person something that is not what was asked for: a line of standard error. */
void view_say(const char *format, ...) _printf_(1, 2);

#endif
