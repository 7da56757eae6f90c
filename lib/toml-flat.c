/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml-flat - every value of a document as one line, so that two documents can be compared.
 *
 * How a value was written does not show: 0x10 and 16, "a" and 'a', a dotted key and one below a
 * header give the same line.  Tables are taken apart but for those in arrays, which are part of
 * their array's value.  Any thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/toml.h"

#define BARE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static void put_value(FILE *out, const struct toml *value);

static void put_text(FILE *out, const char *text)
{
	_free_ char *quoted = toml_quote(text);

	(void)fputs(quoted, out);
}

static void put_key(FILE *out, const char *key)
{
	if (*key && key[strspn(key, BARE)] == '\0')
		(void)fputs(key, out);
	else
		put_text(out, key);
}

/* The children of an array or of a table within one. */
static void put_children(FILE *out, const struct toml *parent)
{
	for (const struct toml *v = parent->children; v; v = v->next) {
		if (parent->type == TOML_TABLE) {
			put_key(out, v->key);
			(void)fputs(" = ", out);
		}
		put_value(out, v);
		if (v->next)
			(void)fputs(", ", out);
	}
}

static void put_value(FILE *out, const struct toml *value)
{
	switch (value->type) {
	case TOML_STRING:
		put_text(out, value->text.s);
		return;
	case TOML_DATETIME:
		(void)fputs(value->text.s, out);
		return;
	case TOML_INTEGER:
		(void)fprintf(out, "%" PRId64, value->integer);
		return;
	case TOML_FLOAT:
		(void)fprintf(out, "%.17g", value->real);
		return;
	case TOML_BOOL:
		(void)fputs(value->boolean ? "true" : "false", out);
		return;
	case TOML_ARRAY:
	case TOML_TABLE:
		(void)fputc(value->type == TOML_ARRAY ? '[' : '{', out);
		put_children(out, value);
		(void)fputc(value->type == TOML_ARRAY ? ']' : '}', out);
		return;
	}
}

/* What is below TABLE, whose own path is PREFIX with a dot at its end, or "". */
static void put_table(FILE *out, const char *prefix, const struct toml *table)
{
	for (const struct toml *v = table->children; v; v = v->next) {
		_free_ char *path = NULL;
		size_t size = 0;
		FILE *text = open_memstream(&path, &size);

		(void)fputs(prefix, text);
		put_key(text, v->key);
		if (v->type == TOML_TABLE)
			(void)fputc('.', text);
		(void)fclose(text);
		if (v->type == TOML_TABLE) {
			put_table(out, path, v);
			continue;
		}
		(void)fprintf(out, "%s = ", path);
		put_value(out, v);
		(void)fputc('\n', out);
	}
}

char *toml_flatten(const struct toml *root)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	put_table(out, "", root);
	(void)fclose(out);
	return text;
}
