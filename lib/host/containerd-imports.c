/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-imports - one name into the array "imports" and out again.
 *
 * People write comments and line breaks into that array.  So a name is put right behind its
 * bracket, and taken out as it was put in; only one that somebody wrote in another way is looked
 * for among the strings.  A document without the array gets it as a line of its own before
 * everything else, where the form (no comma behind the name) tells it from an array that was there
 * and empty.  Any thread.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"

#define BOM "\xef\xbb\xbf"

int imports_read(const struct toml *root, const char *name, strv *ret_imports, struct error *e)
{
	const struct toml *imports = toml_get(root, "imports");

	if (imports && imports->type != TOML_ARRAY)
		return fail(e, EINVAL, "%s:%u: 'imports' is not an array", name, imports->line);
	for (const struct toml *i = imports ? imports->children : NULL; i; i = i->next)
		if (i->type == TOML_STRING)
			strv_add(ret_imports, i->text.s);
	return 0;
}

/* containerd takes a relative one from the main file's folder. */
static bool is_name(const char *import, const char *dir, const char *drop_in)
{
	_free_ char *path = import[0] == '/' ? xstrdup(import) : path_join(dir, import);

	return str_equal(path, drop_in);
}

bool imports_name(char *const *imports, const char *dir, const char *drop_in)
{
	for (; imports && *imports; imports++)
		if (is_name(*imports, dir, drop_in))
			return true;
	return false;
}

/* To containerd a pattern is what has a star.  Relative ones do not count: older versions take them
 * from the daemon's working folder. */
bool imports_cover(char *const *imports, const char *drop_in)
{
	for (; imports && *imports; imports++)
		if (**imports == '/' && strchr(*imports, '*') && str_matches(drop_in, *imports))
			return true;
	return false;
}

/* The entry "imports" and a place for one: where the first entry begins. */
static int find(const char *text, const char *name, struct toml_entry *ret_entry, size_t *ret_first,
		struct error *e)
{
	_cleanup_(toml_entries_done) struct toml_entries all = { 0 };
	int r = toml_scan(text, strlen(text), name, &all, e);

	if (r < 0)
		return r;
	*ret_entry = (struct toml_entry){ 0 };
	*ret_first = all.n > 0 ? all.list[0].begin : strlen(text);
	for (size_t i = 0; i < all.n; i++) {
		const struct toml_entry *entry = &all.list[i];

		if (entry->is_header || strv_len(entry->path) != 1 ||
		    strcmp(entry->path[0], "imports") != 0)
			continue;
		*ret_entry = *entry;
		ret_entry->path = NULL;
		return 0;
	}
	return 0;
}

/* TEXT with the bytes from BEGIN to END replaced. */
static char *splice(const char *text, size_t begin, size_t end, const char *insert)
{
	return xasprintf("%.*s%s%s", (int)begin, text, insert, text + end);
}

static char *add_line(const char *text, size_t at, const char *quoted)
{
	bool is_last = text[at] == '\0';
	bool is_open = is_last && at > 0 && text[at - 1] != '\n' && !str_equal(text, BOM);
	_free_ char *line =
		xasprintf("%simports = [%s]%s", is_open ? "\n" : "", quoted, is_open ? "" : "\n");

	return splice(text, at, at, line);
}

int imports_add(const char *text, const char *name, const char *drop_in, char **ret_text,
		struct error *e)
{
	_free_ char *quoted = toml_quote(drop_in);
	_free_ char *element = xasprintf("%s, ", quoted);
	struct toml_entry entry;
	size_t first = 0;

	if (find(text, name, &entry, &first, e) < 0)
		return -e->code;
	if (entry.value_end == 0)
		*ret_text = add_line(text, first, quoted);
	else
		*ret_text = splice(text, entry.value_begin + 1, entry.value_begin + 1, element);
	return 0;
}

/* The next string of an array in TEXT from *AT on; its quotes belong to it. */
static bool next_string(const char *text, size_t *at, size_t end, size_t *ret_begin)
{
	char quote;

	for (; *at < end && text[*at] != '"' && text[*at] != '\''; (*at)++)
		if (text[*at] == '#')
			*at += strcspn(text + *at, "\n");
	if (*at >= end)
		return false;
	*ret_begin = *at;
	quote = text[(*at)++];
	while (*at < end && text[*at] != quote)
		*at += quote == '"' && text[*at] == '\\' ? 2 : 1;
	(*at)++;
	return true;
}

/* The string from BEGIN to END with the comma behind it, or that in front of it. */
static char *drop_string(const char *text, size_t array, size_t begin, size_t end)
{
	size_t behind = end + strspn(text + end, " \t\r\n");

	if (text[behind] == ',') {
		behind++;
		return splice(text, begin, behind + strspn(text + behind, " \t"), "");
	}
	for (size_t comma = begin; comma > array; comma--)
		if (text[comma - 1] == ',')
			return splice(text, comma - 1, end, "");
	return splice(text, begin, end, "");
}

static char *drop_line(const char *text, const struct toml_entry *entry)
{
	bool is_open = text[entry->end] == '\0' && entry->begin > 0 && text[entry->end - 1] != '\n';

	return splice(text, entry->begin - is_open, entry->end, "");
}

/* One that somebody wrote in another way, or beside others; ELEMENT is what we write. */
static char *drop_among(const char *text, const struct toml_entry *entry, char *const *imports,
			const char *dir, const char *drop_in, const char *element)
{
	size_t at = entry->value_begin;
	size_t begin = 0;

	for (; *imports && next_string(text, &at, entry->value_end, &begin); imports++)
		if (is_name(*imports, dir, drop_in))
			return str_starts(text + begin, element)
				       ? splice(text, begin, begin + strlen(element), "")
				       : drop_string(text, entry->value_begin, begin, at);
	return xstrdup(text);
}

/* TEXT without the first import of DROP_IN that is left; 0 if there is none. */
static int remove_one(const char *text, const char *name, const char *dir, const char *drop_in,
		      char **ret_text, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *quoted = toml_quote(drop_in);
	_free_ char *element = xasprintf("%s, ", quoted);
	_strv_ strv imports = NULL;
	struct toml_entry entry;
	size_t first = 0;
	bool is_alone;

	if (toml_parse(text, strlen(text), name, &root, e) < 0 ||
	    imports_read(root, name, &imports, e) < 0 || find(text, name, &entry, &first, e) < 0)
		return -e->code;
	if (!imports_name(imports, dir, drop_in))
		return 0;
	/* A comma behind the only one is what an empty array became. */
	is_alone = strv_len(imports) == 1 &&
		   !memchr(text + entry.value_begin, ',', entry.value_end - entry.value_begin);
	if (is_alone)
		*ret_text = drop_line(text, &entry);
	else
		*ret_text = drop_among(text, &entry, imports, dir, drop_in, element);
	return 1;
}

int imports_remove(const char *text, const char *name, const char *dir, const char *drop_in,
		   char **ret_text, struct error *e)
{
	_free_ char *now = xstrdup(text);
	int r = 1;

	while (r > 0) {
		char *next = NULL;

		r = remove_one(now, name, dir, drop_in, &next, e);
		if (r < 0)
			return r;
		if (r > 0 && strcmp(next, now) == 0)
			r = 0;
		if (next) {
			free(now);
			now = next;
		}
	}
	*ret_text = TAKE_PTR(now);
	return 0;
}

int imports_set(const char *text, const char *main_path, const char *drop_in,
		enum presence presence, char **ret_text, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *dir = path_parent(main_path);
	_strv_ strv imports = NULL;
	bool is_wanted = presence == HANDLERS_PRESENT;
	bool is_named, is_covered;

	if (toml_parse(text, strlen(text), main_path, &root, e) < 0 ||
	    imports_read(root, main_path, &imports, e) < 0)
		return -e->code;
	is_named = imports_name(imports, dir, drop_in);
	is_covered = imports_cover(imports, drop_in);
	if (is_named && (!is_wanted || is_covered))
		return imports_remove(text, main_path, dir, drop_in, ret_text, e);
	if (is_wanted && !is_named && !is_covered)
		return imports_add(text, main_path, drop_in, ret_text, e);
	*ret_text = xstrdup(text);
	return 0;
}
