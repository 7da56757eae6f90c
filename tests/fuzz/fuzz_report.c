/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_report - what a machine says, in a report for others.
 *
 * The input is a log, what a program says and, if it is an object of JSON, all parts of a report.
 * Of a log come no more lines than were asked for and no secret, however it stands between others;
 * in a page there is no markup but its own, and in Markdown nothing ends a block of code or a name
 * before its end.
 */

#include <ctype.h>

#include "lib/redact-json.h"

#include "manager/report/logs.c"
#include "manager/report/programs.c"

#define SECRET  "hunter2-hunter2"
#define PLANTED "\nerror: password = " SECRET "\n"
#define MOST    5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static size_t count_lines(const char *text)
{
	size_t n = *text != '\0';

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void fuzz_log(const char *text)
{
	static char name[] = "error";
	char *const names[] = { name, NULL };
	_free_ char *all = xstrdup(text), *some = xstrdup(text);
	_free_ char *planted = xasprintf("%s" PLANTED "%s", text, text);
	_free_ char *of_all = problems_in(all, NULL, MOST),
		    *of_some = problems_in(some, names, MOST);
	_free_ char *of_planted = problems_in(planted, names, MOST);

	require(count_lines(of_all) <= MOST && count_lines(of_some) <= MOST);
	require(strlen(of_all) <= (size_t)MOST * (LINE_MAX + 1));
	require(strstr(text, SECRET) || !strstr(of_planted, SECRET));
}

static void fuzz_packages(const char *text)
{
	_free_ char *output = xstrdup(text), *wanted = wanted_of(output);

	require(count_lines(wanted) <= PACKAGE_MAX);
}

/* What FORM makes of PARTS. */
static char *show(struct json_object *parts, const struct report_form *form)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	report_show(parts, form, out);
	(void)fclose(out);
	require(strlen(text) == size);
	return text;
}

static void check_page(const char *page)
{
	static const char *const tags[] = { "!DOCTYPE html",
					    "html lang=\"en\"",
					    "head",
					    "meta ",
					    "title",
					    "style",
					    "body",
					    "h1",
					    "h2",
					    "h3",
					    "p",
					    "pre",
					    "table",
					    "tr",
					    "th",
					    "td",
					    "details open",
					    "details",
					    "summary",
					    "html" };

	for (const char *c = page; *c; c++) {
		bool is_known = *c != '<';

		require(!iscntrl((unsigned char)*c) || *c == '\n' || *c == '\t');
		for (size_t i = 0; i < ARRAY_SIZE(tags) && !is_known; i++) {
			const char *tag = c + 1 + (c[1] == '/');
			size_t len = strlen(tags[i]);

			is_known = strncmp(tag, tags[i], len) == 0 &&
				   (tag[len] == '>' || str_ends(tags[i], " "));
		}
		require(is_known);
	}
}

/* A block is one fence, lines that are none, and the fence once more. */
static void check_block(const char *text)
{
	_free_ char *shown = NULL;
	size_t size = 0, fence;
	FILE *out = open_memstream(&shown, &size);

	if (!out)
		abort();
	report_markdown.block(out, text);
	(void)fclose(out);
	fence = strspn(shown, "`");
	require(fence >= 3 && shown[fence] == '\n');
	for (const char *line = strchr(shown, '\n') + 1; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strspn(line + strspn(line, " "), "`") < fence)
			continue;
		require(str_equal(line + strspn(line, "`"), "\n\n"));
		return;
	}
	abort();
}

static void check_name(const char *text)
{
	_free_ char *shown = NULL;
	size_t size = 0, fence, at;
	FILE *out = open_memstream(&shown, &size);

	if (!out)
		abort();
	report_markdown.name(out, text);
	(void)fclose(out);
	fence = strspn(shown, "`");
	require(fence > 0 && strchr(shown, '\n') == shown + size - 2);
	for (at = fence; at < size - 2 - fence; at += max_size(1, strspn(shown + at, "`")))
		require(strspn(shown + at, "`") != fence);
}

static void fuzz_parts(struct json_object *parts)
{
	_free_ char *page = NULL, *markdown = NULL;

	redact_json(parts);
	page = show(parts, &report_html);
	check_page(page);
	markdown = show(parts, &report_markdown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = xstrndup((const char *)data, size);
	_json_ struct json_object *parts = NULL;
	_json_ struct json_object *said = json_object_new_object();
	struct error e;

	fuzz_log(text);
	fuzz_packages(text);
	check_block(text);
	check_name(text);
	if (json_parse(text, strlen(text), "fuzz", &parts, &e) >= 0 &&
	    json_object_is_type(parts, json_type_object))
		fuzz_parts(parts);
	utf8_repair(text);
	json_set_str(said, "logShim", text);
	json_set_str(json_set_object(said, "host"), text, text);
	fuzz_parts(said);
	return 0;
}
