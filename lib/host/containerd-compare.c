/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-compare - does a new configuration change anything but our handlers?
 *
 * Both are what containerd itself makes of its files, so whatever a file can do to another one
 * shows here before the daemon sees it: a section that is replaced, or dropped for its version.
 * What is empty counts as not there: a table that says its defaults has more of them than none. Any
 * thread.
 */
#include <string.h>

#include "lib/host/containerd-parts.h"

/* How far it has come: PATH leads to the first difference, from its end. */
struct comparison {
	const struct scope *scope;
	strv path;
};

static bool is_ignored(const struct comparison *c, const struct toml *parent, const struct toml *t)
{
	if (!parent->key)
		return strcmp(t->key, "imports") == 0;
	return (strcmp(parent->key, "runtimes") == 0 ||
		strcmp(parent->key, "runtime_platforms") == 0) &&
	       scope_has_handler(c->scope, t->key);
}

static bool is_empty(const struct comparison *c, const struct toml *t)
{
	if (!t)
		return true;
	switch (t->type) {
	case TOML_STRING:
	case TOML_DATETIME:
		return t->text.len == 0;
	case TOML_BOOL:
		return !t->boolean;
	case TOML_INTEGER:
		return t->integer == 0;
	case TOML_FLOAT:
		return t->real >= 0 && t->real <= 0;
	case TOML_ARRAY:
		return !t->children;
	case TOML_TABLE:
		for (const struct toml *child = t->children; child; child = child->next)
			if (!is_ignored(c, t, child) && !is_empty(c, child))
				return false;
		return true;
	}
	return false;
}

static bool differ(struct comparison *c, const struct toml *a, const struct toml *b);

/* A key of A that B lacks or has differently. */
static bool lacks(struct comparison *c, const struct toml *a, const struct toml *b)
{
	for (const struct toml *t = a->children; t; t = t->next) {
		if (is_ignored(c, a, t) || !differ(c, t, toml_child(b, t->key)))
			continue;
		strv_add(&c->path, t->key);
		return true;
	}
	return false;
}

static bool differ_in_array(struct comparison *c, const struct toml *a, const struct toml *b)
{
	const struct toml *x = a->children;
	const struct toml *y = b->children;

	for (; x && y; x = x->next, y = y->next)
		if (differ(c, x, y))
			return true;
	return x || y;
}

static bool differ(struct comparison *c, const struct toml *a, const struct toml *b)
{
	bool is_inside = a && b && a->type == TOML_TABLE && b->type == TOML_TABLE;

	if (!is_inside && (is_empty(c, a) || is_empty(c, b)))
		return is_empty(c, a) != is_empty(c, b);
	if (a->type != b->type)
		return true;
	switch (a->type) {
	case TOML_STRING:
	case TOML_DATETIME:
		return strcmp(a->text.s, b->text.s) != 0;
	case TOML_BOOL:
		return a->boolean != b->boolean;
	case TOML_INTEGER:
		return a->integer != b->integer;
	case TOML_FLOAT:
		return a->real < b->real || a->real > b->real;
	case TOML_ARRAY:
		return differ_in_array(c, a, b);
	case TOML_TABLE:
		return lacks(c, a, b) || lacks(c, b, a);
	}
	return true;
}

static char *path_text(strv path)
{
	_strv_ strv forward = NULL;

	for (size_t n = strv_len(path); n > 0; n--)
		strv_add(&forward, path[n - 1]);
	return strv_join(forward, " > ");
}

int containerd_compare(const struct scope *scope, const char *before, const char *after,
		       struct error *e)
{
	_cleanup_(toml_freep) struct toml *old = NULL;
	_cleanup_(toml_freep) struct toml *new = NULL;
	struct comparison c = { .scope = scope };
	_free_ char *text = NULL;

	if (toml_parse(before, strlen(before), "containerd's configuration", &old, e) < 0 ||
	    toml_parse(after, strlen(after), "containerd's new configuration", &new, e) < 0)
		return -e->code;
	if (!differ(&c, old, new))
		return 0;
	text = path_text(c.path);
	strv_free(c.path);
	return fail(e, EINVAL,
		    "with our handlers containerd would have something else at '%s', too; nothing "
		    "was changed",
		    text);
}
