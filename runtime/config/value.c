/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value - what each type of configuration key accepts, and how it is written.
 *
 * One row of types[] per type: from a TOML value, from the text of an annotation, to TOML text, and
 * release.  Limits are those of the key's own row.  Any thread, each on its own struct config.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/toml.h"
#include "runtime/config/config.h"
#include "runtime/config/fields.h"

#define KATA_PREFIX "/opt/kata"

struct type {
	const char *name;
	int (*from_toml)(const struct field *row, struct config *c, const struct toml *value,
			 struct error *e);
	int (*from_text)(const struct field *row, struct config *c, const char *text,
			 struct error *e);
	char *(*text)(const void *member);
	void (*clear)(void *member);
};

static int wrong_type(const struct field *row, const struct toml *value, struct error *e)
{
	return fail(e, EINVAL, "%s must be %s, not %s", row->key, field_type_name(row->type),
		    toml_type_name(value->type));
}

static int check_range(const struct field *row, double value, struct error *e)
{
	/* Written this way round so that NaN is refused too. */
	if (value >= row->min && value <= row->max)
		return 0;
	return fail(e, EINVAL, "%s must be between %.0f and %.0f, not %.10g", row->key, row->min,
		    row->max, value);
}

static int bool_from_toml(const struct field *row, struct config *c, const struct toml *value,
			  struct error *e)
{
	if (value->type != TOML_BOOL)
		return wrong_type(row, value, e);
	*(bool *)field_of(row, c) = value->boolean;
	return 0;
}

static int bool_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	return parse_bool(text, row->key, field_of(row, c), e);
}

static char *bool_text(const void *member)
{
	return xstrdup(*(const bool *)member ? "true" : "false");
}

static int uint_from_toml(const struct field *row, struct config *c, const struct toml *value,
			  struct error *e)
{
	int r;

	if (value->type != TOML_INTEGER)
		return wrong_type(row, value, e);
	r = check_range(row, (double)value->integer, e);
	if (r < 0)
		return r;
	*(uint64_t *)field_of(row, c) = (uint64_t)value->integer;
	return 0;
}

static int uint_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	uint64_t value = 0;
	int r;

	r = parse_u64(text, row->key, UINT64_MAX, &value, e);
	if (r < 0)
		return r;
	r = check_range(row, (double)value, e);
	if (r < 0)
		return r;
	*(uint64_t *)field_of(row, c) = value;
	return 0;
}

static char *uint_text(const void *member)
{
	return xasprintf("%" PRIu64, *(const uint64_t *)member);
}

static int real_set(const struct field *row, struct config *c, double value, struct error *e)
{
	int r;

	r = check_range(row, value, e);
	if (r < 0)
		return r;
	*(double *)field_of(row, c) = value;
	return 0;
}

static int real_from_toml(const struct field *row, struct config *c, const struct toml *value,
			  struct error *e)
{
	if (value->type == TOML_INTEGER)
		return real_set(row, c, (double)value->integer, e);
	if (value->type == TOML_FLOAT)
		return real_set(row, c, value->real, e);
	return wrong_type(row, value, e);
}

static int real_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	char *end = NULL;
	double value;

	value = strtod(text, &end);
	if (end == text || *end || text[strspn(text, "+-.0123456789")])
		return fail(e, EINVAL, "%s must be %s, not '%.64s'", row->key,
			    field_type_name(row->type), text);
	return real_set(row, c, value, e);
}

static char *real_text(const void *member)
{
	return xasprintf("%.10g", *(const double *)member);
}

/* What reaches a command line must not surprise whoever reads it there. */
static int check_printable(const struct field *row, const char *text, struct error *e)
{
	if (strlen(text) > FIELD_TEXT_MAX)
		return fail(e, EINVAL, "%s is longer than %d characters", row->key, FIELD_TEXT_MAX);
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return fail(e, EINVAL,
				    "%s contains the character 0x%02x; only printable "
				    "ASCII is allowed",
				    row->key, (unsigned)(unsigned char)*p);
	return 0;
}

static int check_choice(const struct field *row, const char *text, struct error *e)
{
	_strv_ strv choices = NULL;

	if (!row->choices)
		return 0;
	choices = strv_split(row->choices, " ");
	if (strv_contains(choices, text))
		return 0;
	return fail(e, EINVAL, "%s must be one of: %s; not '%.64s'", row->key, row->choices, text);
}

static int text_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	int r;

	r = check_printable(row, text, e);
	if (r < 0)
		return r;
	r = check_choice(row, text, e);
	if (r < 0)
		return r;
	str_set(field_of(row, c), text);
	return 0;
}

static int check_no_nul(const struct field *row, const struct toml *value, struct error *e)
{
	if (strlen(value->text.s) != value->text.len)
		return fail(e, EINVAL, "%s contains a NUL character", row->key);
	return 0;
}

static int text_from_toml(const struct field *row, struct config *c, const struct toml *value,
			  struct error *e)
{
	int r;

	if (value->type != TOML_STRING)
		return wrong_type(row, value, e);
	r = check_no_nul(row, value, e);
	if (r < 0)
		return r;
	return field_set_text(row, c, value->text.s, e);
}

static char *string_text(const void *member)
{
	return toml_quote(*(char *const *)member ? *(char *const *)member : "");
}

static void string_clear(void *member)
{
	str_set(member, NULL);
}

static bool path_has_part(const char *path, const char *part)
{
	_strv_ strv parts = strv_split(path, "/");

	return strv_contains(parts, part);
}

static int path_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	_free_ char *path = NULL;
	int r;

	r = check_printable(row, text, e);
	if (r < 0)
		return r;
	if (*text && *text != '/')
		return fail(e, EINVAL, "%s must be an absolute path, not '%.256s'", row->key, text);
	if (path_has_part(text, ".."))
		return fail(e, EINVAL, "%s must not contain '..': '%.256s'", row->key, text);
	path = field_resolve_path(c->version_dir, text);
	str_set(field_of(row, c), path);
	return 0;
}

static int list_item(const struct field *row, struct config *c, const struct toml *item, strv *list,
		     struct error *e)
{
	_free_ char *resolved = NULL;
	int r;

	if (item->type != TOML_STRING)
		return fail(e, EINVAL, "%s must be %s; one of its values is %s", row->key,
			    field_type_name(row->type), toml_type_name(item->type));
	r = check_no_nul(row, item, e);
	if (r < 0)
		return r;
	r = check_printable(row, item->text.s, e);
	if (r < 0)
		return r;
	resolved = field_resolve_path(c->version_dir, item->text.s);
	strv_take(list, TAKE_PTR(resolved));
	return 0;
}

static int list_from_toml(const struct field *row, struct config *c, const struct toml *value,
			  struct error *e)
{
	_strv_ strv list = NULL;
	int r;

	if (value->type != TOML_ARRAY)
		return wrong_type(row, value, e);
	for (const struct toml *item = value->children; item; item = item->next) {
		if (strv_len(list) == FIELD_LIST_MAX)
			return fail(e, EINVAL, "%s has more than %d values", row->key,
				    FIELD_LIST_MAX);
		r = list_item(row, c, item, &list, e);
		if (r < 0)
			return r;
	}
	field_clear(row, c);
	*(strv *)field_of(row, c) = TAKE_PTR(list);
	return 0;
}

static int list_from_text(const struct field *row, struct config *c, const char *text,
			  struct error *e)
{
	_strv_ strv words = strv_split(text, " ");
	strv *list = field_of(row, c);

	(void)e;
	field_clear(row, c);
	for (size_t i = 0; i < strv_len(words); i++)
		strv_take(list, field_resolve_path(c->version_dir, words[i]));
	return 0;
}

static char *list_text(const void *member)
{
	_strv_ strv quoted = NULL;
	_free_ char *joined = NULL;

	for (char *const *s = *(char **const *)member; s && *s; s++)
		strv_take(&quoted, toml_quote(*s));
	joined = strv_join(quoted, ", ");
	return xasprintf("[%s]", joined);
}

static void list_clear(void *member)
{
	strv_free(*(strv *)member);
	*(strv *)member = NULL;
}

static const struct type types[N_FIELD_TYPE] = {
	[FIELD_BOOL] = { "true or false", bool_from_toml, bool_from_text, bool_text, NULL },
	[FIELD_UINT] = { "a whole number", uint_from_toml, uint_from_text, uint_text, NULL },
	[FIELD_REAL] = { "a number", real_from_toml, real_from_text, real_text, NULL },
	[FIELD_TEXT] = { "a string", text_from_toml, text_from_text, string_text, string_clear },
	[FIELD_PATH] = { "a path", text_from_toml, path_from_text, string_text, string_clear },
	[FIELD_LIST] = { "a list of strings", list_from_toml, list_from_text, list_text,
			 list_clear },
};

int field_set_toml(const struct field *row, struct config *c, const struct toml *value,
		   struct error *e)
{
	return types[row->type].from_toml(row, c, value, e);
}

int field_set_text(const struct field *row, struct config *c, const char *text, struct error *e)
{
	return types[row->type].from_text(row, c, text, e);
}

void field_clear(const struct field *row, struct config *c)
{
	if (types[row->type].clear)
		types[row->type].clear(field_of(row, c));
}

char *field_text(const struct field *row, const struct config *c)
{
	return types[row->type].text(field_of_const(row, c));
}

const char *field_type_name(enum field_type type)
{
	return types[type].name;
}

void field_keep_fixed(const struct field *row, struct config *c)
{
	struct error e;

	if (row->is_fixed)
		(void)field_set_text(row, c, row->fallback, &e);
}

char *field_resolve_path(const char *version_dir, const char *value)
{
	size_t n = strlen(KATA_PREFIX);

	if (!version_dir || !str_starts(value, KATA_PREFIX "/") ||
	    str_starts(value, KATA_PREFIX "/versions/"))
		return xstrdup(value);
	return path_join(version_dir, value + n + 1);
}
