/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml-edit - change one key or table of a document, leaving every other byte as it was.
 *
 * For files that others own, containerd's config.toml above all: comments, order, spelling and even
 * white space survive.  Each edit finds the places by toml_scan(), splices the text and parses the
 * result; a result that does not parse is refused rather than returned.  What cannot be edited
 * without rewriting (a key inside an inline table or a [[table]]) is refused with its reason.  Any
 * thread.
 */

#include "lib/toml.h"

#include <ctype.h>
#include <string.h>

static bool path_equal(char *const *a, char *const *b)
{
	for (; a && *a && b && *b; a++, b++)
		if (strcmp(*a, *b))
			return false;
	return (!a || !*a) && (!b || !*b);
}

static bool path_begins(char *const *path, char *const *prefix)
{
	for (; prefix && *prefix; path++, prefix++)
		if (!path || !*path || strcmp(*path, *prefix))
			return false;
	return true;
}

/* TEXT with the bytes from BEGIN to END replaced. */
static char *splice(const char *text, size_t begin, size_t end, const char *insert)
{
	return xasprintf("%.*s%s%s", (int)begin, text, insert, text + end);
}

static int check_result(char *own_text, char **ret_text, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	int r = toml_parse(own_text, strlen(own_text), "edited document", &root, e);

	if (r < 0)
		free(own_text);
	else
		*ret_text = own_text;
	return r;
}

static const struct toml_entry *find_entry(const struct toml_entries *all, char *const *path,
					   bool is_header)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].is_header == is_header && !all->list[i].in_array &&
		    path_equal(all->list[i].path, path))
			return &all->list[i];
	return NULL;
}

/* The entry behind which a new key of TABLE goes: the last one of its section, or its header.  NULL
 * with *ret_missing set when the document has no such section. */
static const struct toml_entry *last_of_section(const struct toml_entries *all, char *const *table,
						bool *ret_missing)
{
	const struct toml_entry *last = table ? find_entry(all, table, true) : NULL;

	*ret_missing = table && !last;
	if (*ret_missing)
		return NULL;
	for (size_t i = last ? (size_t)(last - all->list) + 1 : 0; i < all->n; i++) {
		if (all->list[i].is_header)
			break;
		last = &all->list[i];
	}
	return last;
}

static char *indent_of(const char *text, const struct toml_entry *entry)
{
	size_t len = entry ? strspn(text + entry->begin, " \t") : 0;

	return xstrndup(entry ? text + entry->begin : "", len);
}

static char *quoted_key(const char *key)
{
	for (const char *c = key; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return toml_quote(key);
	return *key ? xstrdup(key) : toml_quote(key);
}

static char *add_to_section(const char *text, const struct toml_entry *last, const char *key,
			    const char *literal)
{
	size_t at = last ? last->end : 0;
	_free_ char *indent = indent_of(text, last);
	_free_ char *name = quoted_key(key);
	bool no_newline = at && text[at - 1] != '\n';
	_free_ char *line =
		xasprintf("%s%s%s = %s\n", no_newline ? "\n" : "", indent, name, literal);

	return splice(text, at, at, line);
}

static char *add_section(const char *text, const char *table, const char *key, const char *literal)
{
	size_t len = strlen(text);
	_free_ char *name = quoted_key(key);
	const char *gap = !len ? "" : text[len - 1] == '\n' ? "\n" : "\n\n";

	return xasprintf("%s%s[%s]\n%s = %s\n", text, gap, table, name, literal);
}

static int set(const char *text, const struct toml_entries *all, char *const *keys,
	       const char *table, const char *key, const char *literal, char **ret_text,
	       struct error *e)
{
	_strv_ strv path = strv_copy(keys);
	const struct toml_entry *entry, *last;
	bool missing;

	strv_add(&path, key);
	entry = find_entry(all, path, false);
	if (entry)
		return check_result(splice(text, entry->value_begin, entry->value_end, literal),
				    ret_text, e);
	last = last_of_section(all, keys, &missing);
	if (missing)
		return check_result(add_section(text, table, key, literal), ret_text, e);
	return check_result(add_to_section(text, last, key, literal), ret_text, e);
}

int toml_set(const char *text, const char *table, const char *key, const char *literal,
	     char **ret_text, struct error *e)
{
	_cleanup_(toml_entries_done) struct toml_entries all = { 0 };
	_strv_ strv keys = NULL;
	int r;

	r = toml_scan(text, strlen(text), "document", &all, e);
	if (r == 0)
		r = toml_split_path(table, &keys, e);
	if (r == 0)
		r = set(text, &all, keys, table, key, literal, ret_text, e);
	return r < 0 ? fail_wrap(e, "setting '%s' in [%s]", key, table) : 0;
}

int toml_remove_table(const char *text, const char *table, char **ret_text, struct error *e)
{
	_cleanup_(toml_entries_done) struct toml_entries all = { 0 };
	_free_ char *result = xstrdup(text);
	_strv_ strv keys = NULL;
	int r;

	r = toml_scan(text, strlen(text), "document", &all, e);
	if (r == 0)
		r = toml_split_path(table, &keys, e);
	if (r < 0)
		return fail_wrap(e, "removing [%s]", table);
	/* From the end, so that the places in front stay right. */
	for (size_t i = all.n; i > 0; i--) {
		char *shorter;

		if (!path_begins(all.list[i - 1].path, keys))
			continue;
		shorter = splice(result, all.list[i - 1].begin, all.list[i - 1].end, "");
		free(result);
		result = shorter;
	}
	return check_result(TAKE_PTR(result), ret_text, e);
}

char *toml_quote(const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	char *text = xmalloc(6 * strlen(s) + 3), *to = text;

	*to++ = '"';
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f) {
			to = stpcpy(to, "\\u00");
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			*to++ = '\\';
		*to++ = (char)c;
	}
	*to++ = '"';
	*to = '\0';
	return text;
}
