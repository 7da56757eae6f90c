/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html - a report as a page that a browser opens from a file.
 *
 * It needs nothing from outside and no script: its policy forbids both, and allows the one style by
 * its digest.  All that a machine says is text between tags, never in one, with its markup
 * characters escaped.
 */
#include <string.h>

#include "manager/report/report.h"

/* With its digest, which the policy has, in base64: sha256sum, openssl base64. */
#define STYLE                                                                                      \
	"body{font:14px/1.4 sans-serif;max-width:90em;margin:1em auto;padding:0 1em}"              \
	"pre{background:#f4f4f4;border:1px solid #ddd;padding:.6em;overflow:auto;max-height:40em}" \
	"table{border-collapse:collapse;margin:.5em 0}"                                            \
	"th,td{border:1px solid #ddd;padding:.2em .5em;text-align:left;vertical-align:top}"        \
	"summary{font-size:1.2em;font-weight:bold;cursor:pointer}"                                 \
	"h3{font-size:1em;margin:.5em 0;font-family:monospace}"
#define STYLE_SHA256 "LBZrsYSwqRy1uzjE1ucfrtpadwz2PoCymTAxkyoiyJo="

/* As a page has it. */
static void put(const char *text, FILE *out)
{
	static const struct {
		char c;
		const char *escape;
	} escapes[] = { { '&', "&amp;" },
			{ '<', "&lt;" },
			{ '>', "&gt;" },
			{ '"', "&quot;" },
			{ '\'', "&#39;" } };
	_free_ char *shown = xstrdup(text);

	utf8_repair(shown);
	text_make_printable(shown);
	for (const char *c = shown; *c; c++) {
		const char *escape = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
			if (escapes[i].c == *c)
				escape = escapes[i].escape;
		if (escape)
			(void)fputs(escape, out);
		else
			(void)fputc(*c, out);
	}
}

static void put_element(const char *tag, const char *text, FILE *out)
{
	(void)fprintf(out, "<%s>", tag);
	put(text, out);
	(void)fprintf(out, "</%s>\n", tag);
}

static void begin(FILE *out, const char *title)
{
	(void)fputs(
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'sha256-" STYLE_SHA256
		"'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n",
		out);
	put_element("title", title, out);
	(void)fputs("<style>" STYLE "</style>\n</head>\n<body>\n", out);
	put_element("h1", title, out);
}

static void begin_section(FILE *out, const char *title)
{
	(void)fputs("<details open>\n", out);
	put_element("summary", title, out);
}

static void heading(FILE *out, const char *text)
{
	put_element("h2", text, out);
}

static void name(FILE *out, const char *text)
{
	put_element("h3", text, out);
}

/* A page leaves out the first newline of a block. */
static void block(FILE *out, const char *text)
{
	(void)fputs("<pre>\n", out);
	put(text, out);
	(void)fputs("</pre>\n", out);
}

static void table(FILE *out, char *const *titles, struct json_object *rows)
{
	(void)fputs("<table>\n<tr>", out);
	for (char *const *title = titles; title && *title; title++)
		put_element("th", *title, out);
	(void)fputs("</tr>\n", out);
	for (size_t i = 0; i < json_len(rows); i++) {
		(void)fputs("<tr>", out);
		for (char *const *title = titles; title && *title; title++) {
			struct json_object *value = json_member(json_item(rows, i), *title);

			put_element("td", value ? json_object_get_string(value) : "", out);
		}
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</table>\n", out);
}

static void end_section(FILE *out)
{
	(void)fputs("</details>\n", out);
}

static void end(FILE *out)
{
	put_element("p", "Read it before you send it: a secret without a name is not known as one.",
		    out);
	(void)fputs("</body>\n</html>\n", out);
}

const struct report_form report_html = {
	.begin = begin,
	.begin_section = begin_section,
	.heading = heading,
	.name = name,
	.block = block,
	.table = table,
	.end_section = end_section,
	.end = end,
};
