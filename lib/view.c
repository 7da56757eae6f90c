/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - show what a command found, to a person or a program.
 *
 * The items are the same in every format: a table's columns are members of them.  Text comes from
 * nodes and the cluster, so nothing in it can move a terminal's cursor.  YAML quotes every text,
 * which is valid and needs no list of words that would mean something else.
 */
#include "lib/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/timestamp.h"

static const char *const format_names[] = { "table", "wide", "json", "yaml", "name" };
_Static_assert(ARRAY_SIZE(format_names) == N_VIEW_FORMAT, "a format has no name");

int view_parse_format(const char *s, enum view_format *ret_format, struct error *e)
{
	_free_ char *all = NULL;

	for (int i = 0; i < N_VIEW_FORMAT; i++)
		if (str_empty(s) || strcmp(s, format_names[i]) == 0) {
			*ret_format = (enum view_format)i;
			return 0;
		}
	all = view_formats(", ");
	return fail(e, EINVAL, "the output '%s' is none of %s", s, all);
}

char *view_formats(const char *separator)
{
	_strv_ strv names = NULL;

	for (int i = 0; i < N_VIEW_FORMAT; i++)
		strv_add(&names, format_names[i]);
	return strv_join(names, separator);
}

/* ---- a cell ---- */

char *view_age(int64_t from_s, int64_t to_s)
{
	static const struct {
		int64_t from; /* of these seconds on */
		int64_t unit;
		char name;
	} units[] = {
		{ 2 * 86400, 86400, 'd' }, { 3 * 3600, 3600, 'h' }, { 120, 60, 'm' }, { 0, 1, 's' }
	};
	int64_t age = to_s > from_s ? to_s - from_s : 0;
	size_t i = 0;

	while (age < units[i].from)
		i++;
	return xasprintf("%" PRId64 "%c", age / units[i].unit, units[i].name);
}

static char *cell(const struct column *c, struct json_object *item)
{
	struct json_object *value = json_member(item, c->member);
	const char *text = value ? json_object_get_string(value) : "";
	int64_t seconds;
	char *shown;

	if (c->form == COLUMN_AGE)
		return timestamp_parse(text, &seconds) ? view_age(seconds, time(NULL))
						       : xstrdup("-");
	shown = xstrdup(*text ? text : "-");
	utf8_repair(shown);
	str_make_printable(shown);
	return shown;
}

static bool is_shown(const struct column *c, enum view_format format)
{
	return !c->is_wide || format == VIEW_WIDE;
}

/* ---- the table ---- */

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct table {
	strv *rows; /* the first has the titles */
	size_t n_rows;
	size_t n_columns;
};

static void add_row(struct table *t, const struct view *view, struct json_object *item,
		    enum view_format format)
{
	t->rows = xrealloc(t->rows, t->n_rows + 1, sizeof(*t->rows));
	t->rows[t->n_rows] = NULL;
	for (size_t i = 0; i < view->n_columns; i++) {
		const struct column *c = &view->columns[i];

		if (is_shown(c, format))
			strv_take(&t->rows[t->n_rows], item ? cell(c, item) : xstrdup(c->title));
	}
	t->n_columns = strv_len(t->rows[t->n_rows++]);
}

static size_t column_width(const struct table *t, size_t first, size_t column)
{
	size_t width = 0;

	for (size_t i = first; i < t->n_rows; i++)
		width = max_size(width, width_of(t->rows[i][column]));
	return width;
}

static void put_table(const struct table *t, bool has_headers, FILE *out)
{
	size_t first = has_headers ? 0 : 1;
	_free_ size_t *widths = xcalloc(t->n_columns + 1, sizeof(*widths));

	for (size_t i = 0; i < t->n_columns; i++)
		widths[i] = column_width(t, first, i);
	for (size_t row = first; row < t->n_rows; row++)
		for (size_t i = 0; i < t->n_columns; i++) {
			const char *text = t->rows[row][i];
			bool is_last = i + 1 == t->n_columns;
			size_t pad = is_last ? 0 : widths[i] - width_of(text) + 2;

			(void)fprintf(out, "%s%*s%s", text, (int)pad, "", is_last ? "\n" : "");
		}
}

static void show_table(const struct view *view, struct json_object *items, enum view_format format,
		       bool has_headers, FILE *out)
{
	struct table t = { 0 };

	add_row(&t, view, NULL, format);
	for (size_t i = 0; i < json_len(items); i++)
		add_row(&t, view, json_item(items, i), format);
	put_table(&t, has_headers, out);
	for (size_t i = 0; i < t.n_rows; i++)
		strv_free(t.rows[i]);
	free(t.rows);
}

char *view_row(const struct view *view, struct json_object *item, enum view_format format)
{
	_strv_ strv cells = NULL;

	if (format == VIEW_JSON || format == VIEW_YAML)
		return xstrdup(json_text(item));
	/* That time passes is no change. */
	for (size_t i = 0; i < view->n_columns; i++)
		if (is_shown(&view->columns[i], format) && view->columns[i].form != COLUMN_AGE)
			strv_take(&cells, cell(&view->columns[i], item));
	return strv_join(cells, "\t");
}

/* ---- for programs ---- */

/* json-c leaves DEL and U+0080 to U+009F as they are, which terminals obey and YAML forbids. */
static void put_json(const char *json, FILE *out)
{
	for (const unsigned char *c = (const unsigned char *)json; *c; c++) {
		if (*c == 0x7f)
			(void)fputs("\\u007f", out);
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
			(void)fprintf(out, "\\u%04x", *++c);
		else
			(void)fputc(*c, out);
	}
}

static void put_scalar(struct json_object *value, FILE *out)
{
	/* JSON's texts are YAML's double-quoted ones. */
	put_json(value ? json_text(value) : "null", out);
}

static void put_yaml(struct json_object *value, int depth, FILE *out);

static bool is_folded(struct json_object *value)
{
	return (json_object_is_type(value, json_type_object) &&
		json_object_object_length(value) > 0) ||
	       json_len(value) > 0;
}

static void put_member(struct json_object *value, int depth, FILE *out)
{
	(void)fputc(':', out);
	if (is_folded(value)) {
		(void)fputc('\n', out);
		put_yaml(value, depth + json_object_is_type(value, json_type_object), out);
	} else {
		(void)fputc(' ', out);
		put_scalar(value, out);
		(void)fputc('\n', out);
	}
}

/* A key that is no plain word is quoted. */
static char *yaml_key(const char *name)
{
	_json_ struct json_object *quoted = json_object_new_string(name);
	size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return xstrdup(plain > 0 && name[plain] == '\0' ? name : json_text(quoted));
}

static void put_members(struct json_object *object, int depth, bool is_in_list, FILE *out)
{
	bool is_first = is_in_list;

	json_object_object_foreach(object, name, value)
	{
		_free_ char *key = yaml_key(name);

		(void)fprintf(out, "%*s", is_first ? 0 : depth * 2, "");
		put_json(key, out);
		put_member(value, depth, out);
		is_first = false;
	}
}

static void put_yaml(struct json_object *value, int depth, FILE *out)
{
	if (json_object_is_type(value, json_type_object)) {
		put_members(value, depth, false, out);
		return;
	}
	for (size_t i = 0; i < json_len(value); i++) {
		struct json_object *item = json_item(value, i);

		(void)fprintf(out, "%*s- ", depth * 2, "");
		if (json_object_is_type(item, json_type_object) && is_folded(item)) {
			put_members(item, depth + 1, true, out);
		} else {
			put_scalar(item, out);
			(void)fputc('\n', out);
		}
	}
}

void view_object(struct json_object *object, enum view_format format, FILE *out)
{
	if (format == VIEW_YAML) {
		put_yaml(object, 0, out);
		return;
	}
	put_json(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
								JSON_C_TO_STRING_SPACED |
								JSON_C_TO_STRING_NOSLASHESCAPE),
		 out);
	(void)fputc('\n', out);
}

void view_text(const char *text, FILE *out)
{
	_free_ char *shown = xstrdup(text);

	utf8_repair(shown);
	text_make_printable(shown);
	(void)fputs(shown, out);
}

static void show_whole(const struct view *view, struct json_object *items, enum view_format format,
		       FILE *out)
{
	_json_ struct json_object *whole = json_object_new_object();

	json_set_str(whole, "apiVersion", view->api);
	json_set_str(whole, "kind", view->kind);
	(void)json_object_object_add(whole, "items", json_object_get(items));
	view_object(whole, format, out);
}

static void show_names(const struct view *view, struct json_object *items, FILE *out)
{
	for (size_t i = 0; i < json_len(items); i++) {
		const struct column name = { .member = view->name };
		_free_ char *text = cell(&name, json_item(items, i));

		if (json_member(json_item(items, i), view->name))
			(void)fprintf(out, "%s/%s\n", view->name_kind, text);
	}
}

void view_show(const struct view *view, struct json_object *items, enum view_format format,
	       bool has_headers, FILE *out)
{
	if (format == VIEW_NAME)
		show_names(view, items, out);
	else if (format == VIEW_TABLE || format == VIEW_WIDE)
		show_table(view, items, format, has_headers, out);
	else
		show_whole(view, items, format, out);
}

void view_say(const char *format, ...)
{
	_free_ char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	view_text(text, stderr);
	(void)fputc('\n', stderr);
}
