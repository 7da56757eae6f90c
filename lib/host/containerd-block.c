/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-block - our part of a file that belongs to somebody else.
 *
 * Between two lines that say so, behind everything else, so that every byte before it stays as it
 * is.  A file may end without a line end; that is given back when the block goes.  A block that
 * does not end is refused rather than guessed at.  Any thread.
 */
#include <string.h>

#include "lib/host/containerd-parts.h"

#define MARGIN "# %s %s%s"
#define ABOUT  ": this block is managed, changes in it are lost\n"

static char *first_line(const struct owner *owner)
{
	return xasprintf(MARGIN, "BEGIN", owner->name, ABOUT);
}

static char *last_line(const struct owner *owner)
{
	return xasprintf(MARGIN, "END", owner->name, "");
}

/* LINE as a whole line of TEXT: "kata-deploy" is the beginning of other owners' names. */
static const char *find_line(const char *text, const char *line)
{
	const char *found = strstr(text, line);
	size_t len = strlen(line);

	while (found && found[len] != '\n' && found[len] != '\0')
		found = strstr(found + len, line);
	return found;
}

int block_find(const struct owner *owner, const char *text, const char *name, size_t *ret_begin,
	       size_t *ret_len, struct error *e)
{
	_free_ char *first = first_line(owner);
	_free_ char *last = last_line(owner);
	const char *begin = strstr(text, first);
	const char *end = begin ? find_line(begin, last) : NULL;

	if (begin && !end)
		return fail(e, EINVAL,
			    "'%s' has the line that begins our block but not the one that ends it; "
			    "remove the block by hand",
			    name);
	*ret_begin = 0;
	*ret_len = 0;
	if (!begin)
		return 0;
	end += strlen(last);
	*ret_begin = (size_t)(begin - text);
	*ret_len = (size_t)(end - begin) + (*end == '\n');
	return 0;
}

int block_strip(const struct owner *owner, const char *text, const char *name, char **ret_text,
		struct error *e)
{
	size_t begin, len;
	bool is_open;

	if (block_find(owner, text, name, &begin, &len, e) < 0)
		return -e->code;
	is_open =
		len > 0 && begin > 0 && text[begin + len] == '\0' && text[begin + len - 1] != '\n';
	*ret_text = xasprintf("%.*s%s", (int)(begin - is_open), text, text + begin + len);
	return 0;
}

char *block_append(const char *text, const char *block)
{
	bool is_open = *text && !str_ends(text, "\n");
	size_t len = strlen(block) - (is_open && str_ends(block, "\n"));

	return xasprintf("%s%s%.*s", text, is_open ? "\n" : "", (int)len, block);
}

/* The first character of TEXT that is neither space nor comment. */
static char first_meant(const char *text)
{
	for (;;) {
		text += strspn(text, " \t\r\n");
		if (*text != '#')
			return *text;
		text += strcspn(text, "\n");
	}
}

bool block_stands(const struct owner *owner, const char *text, const char *block)
{
	struct error ignored;
	size_t begin, len;
	char next;

	if (block_find(owner, text, "", &begin, &len, &ignored) < 0 || len == 0)
		return false;
	/* Its last line may be open. */
	if (strncmp(text + begin, block, len) != 0 || len + 1 < strlen(block))
		return false;
	/* A key would belong to our last table. */
	next = first_meant(text + begin + len);
	return next == '[' || next == '\0';
}

char *block_make(const struct owner *owner, const char *tables, const char *others)
{
	_free_ char *first = first_line(owner);
	_free_ char *last = last_line(owner);

	return xasprintf("%s%s%s%s\n", first, tables, others, last);
}
