/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markdown - a report as an issue takes it.
 *
 * Sections fold, as those of upstream's script do.  What a machine says stands in blocks and spans
 * of code whose fences are longer than any in it, so that nothing of it is markup.
 */
#include <stdlib.h>
#include <string.h>

#include "manager/report/report.h"

/* Longer than any row of them in TEXT, which so cannot end what they began; at least LEAST. */
static size_t fence_for(const char *text, size_t least)
{
	size_t longest = least - 1, n = 0;

	for (const char *c = text; *c; c++) {
		n = *c == '`' ? n + 1 : 0;
		longest = max_size(longest, n);
	}
	return longest + 1;
}

static void put_fence(size_t n, FILE *out)
{
	while (n-- > 0)
		(void)fputc('`', out);
}

static void begin(FILE *out, const char *title)
{
	(void)fprintf(out, "# %s\n\n", title);
}

static void begin_section(FILE *out, const char *title)
{
	(void)fprintf(out, "<details>\n<summary>%s</summary>\n<p>\n\n# %s\n\n", title, title);
}

static void heading(FILE *out, const char *text)
{
	(void)fprintf(out, "## %s\n\n", text);
}

/* A span of code is one line, and spaces keep fence and text apart. */
static void name(FILE *out, const char *text)
{
	_free_ char *shown = xstrdup(text);
	size_t fence;

	utf8_repair(shown);
	str_make_printable(shown);
	fence = fence_for(shown, 1);
	put_fence(fence, out);
	(void)fprintf(out, " %s ", shown);
	put_fence(fence, out);
	(void)fputs("\n\n", out);
}

static void block(FILE *out, const char *text)
{
	size_t fence = fence_for(text, 3);

	put_fence(fence, out);
	(void)fputc('\n', out);
	view_text(text, out);
	if (*text && !str_ends(text, "\n"))
		(void)fputc('\n', out);
	put_fence(fence, out);
	(void)fputs("\n\n", out);
}

static void table(FILE *out, char *const *titles, struct json_object *rows)
{
	size_t n = strv_len(titles);
	_free_ struct column *columns = xcalloc(n + 1, sizeof(*columns));
	struct view view = { .columns = columns, .n_columns = n };
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		abort();
	for (size_t i = 0; i < n; i++)
		columns[i] = (struct column){ .title = titles[i], .member = titles[i] };
	view_show(&view, rows, VIEW_TABLE, VIEW_HEADERS, to);
	(void)fclose(to);
	block(out, text);
}

static void end_section(FILE *out)
{
	(void)fputs("</p>\n</details>\n\n---\n\n", out);
}

static void end(FILE *out)
{
	(void)fputs("Read it before you send it: a secret without a name is not known as one.\n",
		    out);
}

const struct report_form report_markdown = {
	.begin = begin,
	.begin_section = begin_section,
	.heading = heading,
	.name = name,
	.block = block,
	.table = table,
	.end_section = end_section,
	.end = end,
};
