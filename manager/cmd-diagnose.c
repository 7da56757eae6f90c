/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-diagnose - one report of this machine for somebody who is to help.
 *
 * Markdown or a page for people, one object for programs; what is in it says
 * manager/report/report.h.  kata-collect-data is the same (collect.c).
 */
#include <string.h>

#include "lib/argument.h"
#include "manager/diagnose.h"
#include "manager/report/report.h"

static void show_markdown(struct json_object *parts, FILE *out)
{
	report_show(parts, &report_markdown, out);
}

static void show_html(struct json_object *parts, FILE *out)
{
	report_show(parts, &report_html, out);
}

static void show_json(struct json_object *parts, FILE *out)
{
	view_object(parts, VIEW_JSON, out);
}

static void show_yaml(struct json_object *parts, FILE *out)
{
	view_object(parts, VIEW_YAML, out);
}

/* The first is what is shown where nothing is said. */
static const struct {
	const char *name;
	void (*show)(struct json_object *parts, FILE *out);
} formats[] = {
	{ "markdown", show_markdown },
	{ "html", show_html },
	{ "json", show_json },
	{ "yaml", show_yaml },
};

void diagnose_add_formats(const char *prefix, strv *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (str_starts(formats[i].name, prefix))
			strv_add(found, formats[i].name);
}

static int find_format(const char *name, size_t *ret_format, struct error *e)
{
	_strv_ strv known = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (str_empty(name) || strcmp(name, formats[i].name) == 0) {
			*ret_format = i;
			return 0;
		}
	diagnose_add_formats("", &known);
	return argument_unknown("output", name, known, e);
}

static int problems_max(unsigned *ret_max, struct error *e)
{
	const char *text = getenv("PROBLEM_LIMIT");
	uint32_t max = REPORT_PROBLEMS;

	if (!str_empty(text) && parse_u32(text, "PROBLEM_LIMIT", 10000, &max, e) < 0)
		return -e->code;
	*ret_max = max;
	return 0;
}

int cmd_diagnose(struct manager *m, struct error *e)
{
	_report_ struct report r = { .m = m };
	size_t format = 0;

	if (find_format(m->options->output, &format, e) < 0 || problems_max(&r.problems_max, e) < 0)
		return -e->code;
	report_read(&r);
	formats[format].show(r.parts, m->out);
	return 0;
}
