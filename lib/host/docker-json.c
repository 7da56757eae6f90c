/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-json - runtimes into the text of daemon.json, and out again.
 *
 * Every byte of others stays: their order, their indentation, their line ends.  A member is put
 * behind the last one in the form of that one, and taken out from its comma on, so that one is the
 * inverse of the other.  JSON has no comments to say what was made for us; a blank in front of a
 * closing brace, which nobody writes there, does: one in "runtimes" or in a file that was not
 * there, two in one that was empty, or in one line.  If a formatter takes it away, empty braces
 * stay behind, which mean nothing.
 *
 * The text has been parsed, so looking for where things are need not doubt it.  Two keys that are
 * the same are legal, and Docker takes the runtimes of both.  Any thread.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/docker-parts.h"

#define BOM      "\xef\xbb\xbf"
#define SPACE    " \t\r\n"
#define RUNTIMES "runtimes"
#define INDENT   "  "
#define FRESH    "{ \n}\n"  /* of a file that was not there */
#define FILLED   "{  \n}\n" /* of one without anything in it */

/* A member of an object: where its key is, with quotes, and its value. */
struct member {
	size_t key, key_end;
	size_t value, value_end;
};

/* From brace to brace. */
struct object {
	size_t open, close;
	struct member *list;
	size_t n;
};

/* How the members of an object are laid out. */
struct layout {
	const char *line_end; /* "" in one line */
	char *indent;
	const char *unit; /* a level more */
};

static void object_done(struct object *o)
{
	free(o->list);
}
#define _object_ _cleanup_(object_done)

/* ---- where things are ---- */

static size_t skip_space(const char *text, size_t at)
{
	return at + strspn(text + at, SPACE);
}

static size_t skip_string(const char *text, size_t at)
{
	for (at++; text[at] && text[at] != '"'; at++)
		if (text[at] == '\\' && text[at + 1])
			at++;
	return at + (text[at] == '"');
}

static size_t skip_value(const char *text, size_t at)
{
	size_t depth = 0;

	do {
		if (text[at] == '"') {
			at = skip_string(text, at);
			continue;
		}
		depth += text[at] == '{' || text[at] == '[';
		depth -= text[at] == '}' || text[at] == ']';
		at++;
		if (depth == 0 && !strchr("}]", text[at - 1]))
			at += strcspn(text + at, ",]}" SPACE);
	} while (text[at] && depth > 0);
	return at;
}

/* The object whose brace is at OPEN. */
static void look(const char *text, size_t open, struct object *ret_object)
{
	struct object o = { .open = open };
	size_t at = skip_space(text, open + 1);

	while (text[at] == '"') {
		struct member m = { .key = at, .key_end = skip_string(text, at) };

		m.value = skip_space(text, m.key_end);
		m.value = skip_space(text, m.value + (text[m.value] == ':'));
		m.value_end = skip_value(text, m.value);
		o.list = xrealloc(o.list, o.n + 1, sizeof(*o.list));
		o.list[o.n++] = m;
		at = skip_space(text, m.value_end);
		at = skip_space(text, at + (text[at] == ','));
	}
	o.close = at;
	*ret_object = o;
}

static size_t start(const char *text)
{
	return skip_space(text, str_starts(text, BOM) ? strlen(BOM) : 0);
}

static bool is_blank(const char *text)
{
	return text[start(text)] == '\0';
}

static bool is_key(const char *text, const struct member *m, const char *name)
{
	_json_ struct json_object *key = NULL;
	struct error ignored;

	/* It may have escapes. */
	return json_parse(text + m->key, m->key_end - m->key, "key", &key, &ignored) >= 0 &&
	       str_equal(json_object_get_string(key), name);
}

/* The N-th "runtimes" of the document from its end; false if there are not so many. */
static bool find_runtimes(const char *text, size_t nth, struct object *ret_object)
{
	_object_ struct object root = { 0 };

	if (is_blank(text))
		return false;
	look(text, start(text), &root);
	for (size_t i = root.n; i > 0; i--) {
		if (!is_key(text, &root.list[i - 1], RUNTIMES) || nth-- > 0)
			continue;
		look(text, root.list[i - 1].value, ret_object);
		return true;
	}
	return false;
}

/* ---- what it means ---- */

int daemon_json_parse(const char *text, const char *name, struct json_object **ret_root,
		      struct error *e)
{
	_json_ struct json_object *root = NULL;
	_object_ struct object o = { 0 };
	size_t at = start(text);

	*ret_root = NULL;
	if (is_blank(text))
		return 0;
	if (json_parse(text + at, strlen(text + at), name, &root, e) < 0)
		return -e->code;
	if (!json_object_is_type(root, json_type_object))
		return fail(e, EINVAL, "%s: not a JSON object", name);
	look(text, at, &o);
	for (size_t i = 0; i < o.n; i++)
		if (is_key(text, &o.list[i], RUNTIMES) && text[o.list[i].value] != '{')
			return fail(e, EINVAL, "%s: '" RUNTIMES "' is not an object", name);
	*ret_root = TAKE_PTR(root);
	return 0;
}

static char *key_of(const char *text, const struct member *m)
{
	_json_ struct json_object *key = NULL;
	struct error ignored;

	if (json_parse(text + m->key, m->key_end - m->key, "key", &key, &ignored) < 0)
		return xstrdup("");
	return xstrdup(json_object_get_string(key));
}

strv daemon_json_names(const char *text)
{
	strv names = NULL;

	for (size_t nth = 0;; nth++) {
		_object_ struct object o = { 0 };

		if (!find_runtimes(text, nth, &o))
			return names;
		for (size_t i = 0; i < o.n; i++)
			strv_take(&names, key_of(text, &o.list[i]));
	}
}

char *daemon_json_runtime(const char *text, const char *runtime)
{
	for (size_t nth = 0;; nth++) {
		_object_ struct object o = { 0 };

		if (!find_runtimes(text, nth, &o))
			return NULL;
		for (size_t i = o.n; i > 0; i--)
			if (is_key(text, &o.list[i - 1], runtime))
				return xstrndup(text + o.list[i - 1].value,
						o.list[i - 1].value_end - o.list[i - 1].value);
	}
}

/* ---- adding ---- */

/* The white space between BEGIN and END that is the last line's, and how the line before ends. */
static char *last_line(const char *text, size_t begin, size_t end, const char **ret_line_end)
{
	size_t at = end;

	while (at > begin && text[at - 1] != '\n')
		at--;
	*ret_line_end = at == begin ? "" : at - begin > 1 && text[at - 2] == '\r' ? "\r\n" : "\n";
	return at == begin ? xstrdup("") : xstrndup(text + at, end - at);
}

/* The white space in front of the last member, behind a brace or comma. */
static size_t lead_of(const char *text, const struct object *o)
{
	size_t at = o->list[o->n - 1].key;

	while (at > o->open + 1 && strchr(SPACE, text[at - 1]))
		at--;
	return at;
}

static struct layout layout_of(const char *text, const struct object *o, const char *unit)
{
	struct layout l = { .unit = unit };
	_free_ char *outer = NULL;

	if (o->n > 0) {
		l.indent = last_line(text, lead_of(text, o), o->list[o->n - 1].key, &l.line_end);
		return l;
	}
	outer = last_line(text, o->open + 1, o->close, &l.line_end);
	l.indent = xasprintf("%s%s", outer, *l.line_end ? unit : "");
	return l;
}

static char *unit_of(const char *text, const struct object *root)
{
	const char *line_end;
	char *indent;

	if (root->n == 0)
		return xstrdup(INDENT);
	indent = last_line(text, lead_of(text, root), root->list[root->n - 1].key, &line_end);
	if (*indent || !*line_end)
		return indent;
	free(indent);
	return xstrdup(INDENT);
}

static void print(FILE *f, struct json_object *value, const struct layout *l)
{
	const char *separator = "";

	if (!json_object_is_type(value, json_type_object)) {
		fputs(json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE), f);
		return;
	}
	fputc('{', f);
	json_object_object_foreach(value, key, child)
	{
		_json_ struct json_object *quoted = json_object_new_string(key);
		_free_ char *indent = xasprintf("%s%s", l->indent, *l->line_end ? l->unit : "");
		const struct layout inner = { l->line_end, indent, l->unit };

		fprintf(f, "%s%s%s%s: ", separator, l->line_end, indent,
			json_object_to_json_string_ext(quoted, JSON_C_TO_STRING_NOSLASHESCAPE));
		print(f, child, &inner);
		separator = *l->line_end ? "," : ", ";
	}
	fprintf(f, "%s%s}", l->line_end, l->indent);
}

/* TEXT with a member of O more; RAW or VALUE is what it has. */
static char *add_member(const char *text, const struct object *o, const struct layout *l,
			const char *key, const char *raw, struct json_object *value)
{
	_json_ struct json_object *quoted = json_object_new_string(key);
	size_t at = o->n > 0 ? o->list[o->n - 1].value_end : o->open + 1;
	char *with = NULL;
	size_t size;
	FILE *f = open_memstream(&with, &size);

	fprintf(f, "%.*s", (int)at, text);
	if (o->n > 0)
		fprintf(f, ",%s", *l->line_end ? "" : " ");
	fprintf(f, "%s%s%s: ", l->line_end, l->indent,
		json_object_to_json_string_ext(quoted, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (raw)
		fputs(raw, f);
	else
		print(f, value, l);
	fputs(text + at, f);
	(void)fclose(f);
	return with;
}

/* The braces that are ours, with the blank that says so. */
static char *own_braces(const struct layout *l)
{
	return *l->line_end ? xasprintf("{ %s%s}", l->line_end, l->indent) : xstrdup("{  }");
}

static char *add_runtimes(const char *text)
{
	_object_ struct object root = { 0 };
	_free_ char *unit = NULL;
	_free_ char *braces = NULL;
	struct layout l;
	char *with;

	look(text, start(text), &root);
	unit = unit_of(text, &root);
	l = layout_of(text, &root, unit);
	braces = own_braces(&l);
	with = add_member(text, &root, &l, RUNTIMES, braces, NULL);
	free(l.indent);
	return with;
}

char *daemon_json_add(const char *text, const char *runtime, struct json_object *value)
{
	_free_ char *filled = text && !is_blank(text) ? xstrdup(text)
			      : text                  ? xasprintf("%s" FILLED, text)
						      : xstrdup(FRESH);
	_object_ struct object root = { 0 };
	_object_ struct object o = { 0 };
	_free_ char *unit = NULL;
	struct layout l;
	char *with;

	if (!find_runtimes(filled, 0, &o)) {
		char *more = add_runtimes(filled);

		free(filled);
		filled = more;
		(void)find_runtimes(filled, 0, &o);
	}
	look(filled, start(filled), &root);
	unit = unit_of(filled, &root);
	l = layout_of(filled, &o, unit);
	with = add_member(filled, &o, &l, runtime, NULL, value);
	free(l.indent);
	return with;
}

/* ---- taking away ---- */

static char *cut(const char *text, size_t begin, size_t end)
{
	return xasprintf("%.*s%s", (int)begin, text, text + end);
}

/* TEXT without the I-th member of O. */
static char *drop_member(const char *text, const struct object *o, size_t i)
{
	const struct member *m = &o->list[i];
	size_t behind = skip_space(text, m->value_end);
	size_t comma;

	if (i > 0) {
		comma = skip_space(text, o->list[i - 1].value_end);
		return cut(text, comma, m->value_end);
	}
	if (text[behind] == ',')
		return cut(text, m->key, skip_space(text, behind + 1));
	return cut(text, o->open + 1, m->value_end);
}

/* *TEXT without one RUNTIME; false if there is none. */
static bool drop_one(char **text, const char *runtime)
{
	for (size_t nth = 0;; nth++) {
		_object_ struct object o = { 0 };

		if (!find_runtimes(*text, nth, &o))
			return false;
		for (size_t i = 0; i < o.n; i++) {
			char *without;

			if (!is_key(*text, &o.list[i], runtime))
				continue;
			without = drop_member(*text, &o, i);
			free(*text);
			*text = without;
			return true;
		}
	}
}

/* *TEXT without the braces that were made for us and have nothing in them any more. */
static void drop_runtimes(char **text)
{
	_object_ struct object root = { 0 };
	struct layout l;

	look(*text, start(*text), &root);
	if (root.n == 0)
		return;
	l = layout_of(*text, &root, "");
	for (size_t i = 0; i < root.n; i++) {
		_free_ char *braces = own_braces(&l);
		char *without;

		if (!is_key(*text, &root.list[i], RUNTIMES) ||
		    !str_starts(*text + root.list[i].value, braces))
			continue;
		without = drop_member(*text, &root, i);
		free(*text);
		*text = without;
		break;
	}
	free(l.indent);
}

char *daemon_json_remove(const char *text, const char *runtime)
{
	_free_ char *now = xstrdup(text);
	bool is_changed = false;
	_free_ char *before = NULL;

	while (drop_one(&now, runtime))
		is_changed = true;
	if (!is_changed)
		return TAKE_PTR(now);
	drop_runtimes(&now);
	if (strcmp(now, FRESH) == 0)
		return NULL;
	before = xstrndup(now, str_ends(now, FILLED) ? strlen(now) - strlen(FILLED) : 0);
	return str_ends(now, FILLED) && is_blank(before) ? TAKE_PTR(before) : TAKE_PTR(now);
}
