/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - a report for people, in whatever form (report.h).
 *
 * What a part is made of says how it looks: short texts are rows of a table, long ones blocks of
 * lines, objects that are alike a table, all else goes in deeper.  So a new part needs no word
 * here.
 */
#include <string.h>

#include "manager/report/report.h"

#define SHORT_MAX   160 /* characters of what is no block */
#define COLUMNS_MAX 10
#define DEPTH_MAX   6

struct showing {
	const struct report_form *form;
	FILE *out;
};

static bool is_short(struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (json_object_is_type(value, json_type_object) ||
	    json_object_is_type(value, json_type_array))
		return false;
	return !text || (strlen(text) <= SHORT_MAX && !strchr(text, '\n'));
}

static bool is_table(struct json_object *array)
{
	bool is_it = json_len(array) > 0;

	for (size_t i = 0; i < json_len(array); i++)
		is_it &= json_object_is_type(json_item(array, i), json_type_object);
	return is_it;
}

static void show_rows(const struct showing *s, struct json_object *items)
{
	_strv_ strv titles = NULL;

	for (size_t i = 0; i < json_len(items); i++) {
		json_object_object_foreach(json_item(items, i), name, value)
		{
			(void)value;
			if (!strv_contains(titles, name) && strv_len(titles) < COLUMNS_MAX)
				strv_add(&titles, name);
		}
	}
	s->form->table(s->out, titles, items);
}

static void show_block(const struct showing *s, const char *name, const char *text)
{
	if (name)
		s->form->name(s->out, name);
	s->form->block(s->out, text);
}

static void show_value(const struct showing *s, const char *name, struct json_object *value,
		       int depth);

/* Files whose whole text is a word are rows, too. */
static char *trimmed(struct json_object *value)
{
	_free_ char *text = NULL;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = xstrdup(json_object_get_string(value));
	return xstrdup(str_trim(text));
}

static void show_members(const struct showing *s, struct json_object *object, int depth)
{
	_json_ struct json_object *rows = json_object_new_array();
	_json_ struct json_object *rest = json_object_new_object();
	static char name_title[] = "name", value_title[] = "value";
	char *titles[] = { name_title, value_title, NULL };

	json_object_object_foreach(object, name, value)
	{
		_free_ char *text = trimmed(value);
		_json_ struct json_object *word =
			text ? json_object_new_string(text) : json_object_get(value);
		struct json_object *row;

		if (!is_short(word)) {
			(void)json_object_object_add(rest, name, json_object_get(value));
			continue;
		}
		row = json_object_new_object();
		json_set_str(row, "name", name);
		(void)json_object_object_add(row, "value", json_object_get(word));
		(void)json_object_array_add(rows, row);
	}
	if (json_len(rows) > 0)
		s->form->table(s->out, titles, rows);
	json_object_object_foreach(rest, rest_name, rest_value)
		show_value(s, rest_name, rest_value, depth + 1);
}

static void show_value(const struct showing *s, const char *name, struct json_object *value,
		       int depth)
{
	/* What is but a list needs no name for it. */
	if (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 1 &&
	    json_member(value, "items"))
		value = json_member(value, "items");
	if (json_object_is_type(value, json_type_array) && json_len(value) == 0) {
		show_block(s, name, "none");
	} else if (json_object_is_type(value, json_type_string)) {
		show_block(s, name, json_object_get_string(value));
	} else if (is_table(value)) {
		if (name)
			s->form->name(s->out, name);
		show_rows(s, value);
	} else if (json_object_is_type(value, json_type_object) && depth < DEPTH_MAX) {
		if (name)
			s->form->name(s->out, name);
		show_members(s, value, depth);
	} else if (value) {
		show_block(s, name,
			   json_object_to_json_string_ext(
				   value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						  JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

static void show_section(const struct showing *s, enum report_section section,
			 struct json_object *parts)
{
	bool is_empty = true;

	s->form->begin_section(s->out, report_titles[section]);
	for (size_t i = 0; i < n_report_parts; i++) {
		const struct part *part = &report_parts[i];
		struct json_object *value = json_member(parts, part->name);

		if (part->section != section || !value)
			continue;
		is_empty = false;
		s->form->heading(s->out, part->title);
		show_value(s, NULL, value, 0);
	}
	if (is_empty)
		s->form->name(s->out, "nothing is here");
	s->form->end_section(s->out);
}

static void show_errors(const struct showing *s, struct json_object *errors)
{
	_strv_ strv lines = NULL;
	_free_ char *text = NULL;

	for (size_t i = 0; i < json_len(errors); i++)
		strv_add(&lines, json_object_get_string(json_item(errors, i)));
	text = strv_join(lines, "\n");
	s->form->begin_section(s->out, "What could not be seen");
	if (lines)
		s->form->block(s->out, text);
	else
		s->form->name(s->out, "nothing is missing");
	s->form->end_section(s->out);
}

void report_show(struct json_object *parts, const struct report_form *form, FILE *out)
{
	const struct showing s = { form, out };

	form->begin(out, "Kata Containers on this machine");
	for (int section = 0; section < N_REPORT_SECTION; section++)
		show_section(&s, (enum report_section)section, parts);
	show_errors(&s, json_member(parts, "errors"));
	form->end(out);
}
