/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - tell what others changed, and see when it is always the same.
 *
 * Two programs that each put their own version of a file would go on for ever, and each change may
 * cost a restart of the container runtime.  So every repair is remembered for an hour, in a text
 * file of lines "SECONDS THING", and nobody repairs one thing a third time.  At most LINES_MAX
 * lines are kept, the newest.  Any thread, one at a time.
 */
#include "lib/host/drift.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"

#define HOUR_S    3600
#define LINES_MAX 256
#define TEXT_MAX  (256 * KIB)

static bool is_named(enum effect_kind kind, bool has_causes)
{
	switch (kind) {
	case EFFECT_FILE:
	case EFFECT_REMOVAL:
	case EFFECT_OBJECT:
		return true;
	case EFFECT_LABEL:
	case EFFECT_RESTART:
		return !has_causes;
	case EFFECT_PROBE:
	case N_EFFECT_KIND:
		break;
	}
	return false;
}

static void add_effects(const struct assessment *a, bool has_causes, strv *things)
{
	for (size_t i = 0; i < a->n_changes; i++) {
		const struct change *c = &a->changes[i];

		if (c->step->is_upkeep)
			continue;
		for (size_t k = 0; k < c->n_effects; k++)
			if (is_named(c->effects[k].kind, has_causes) &&
			    !strv_contains(*things, c->effects[k].what))
				strv_add(things, c->effects[k].what);
	}
}

strv drift_find(const struct assessment *a)
{
	strv things = NULL;

	add_effects(a, true, &things);
	if (!things)
		add_effects(a, false, &things);
	return things;
}

/* "SECONDS THING": the thing, borrowed, if it is younger than an hour; else NULL. */
static const char *thing_of(const char *line, int64_t now)
{
	size_t len = strcspn(line, " ");
	_free_ char *number = xstrndup(line, len);
	struct error ignored;
	int64_t when;

	if (line[len] != ' ' || parse_i64(number, "time", 0, INT64_MAX, &when, &ignored) < 0 ||
	    when > now || now - when >= HOUR_S)
		return NULL;
	return line + len + 1;
}

static strv read_lines(const char *path)
{
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read(path, TEXT_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return strv_split(text, "\n");
}

strv drift_contested(const char *path, char *const *things, int64_t now)
{
	_strv_ strv lines = read_lines(path);
	strv contested = NULL;

	for (; things && *things; things++) {
		unsigned n = 0;

		for (char **line = lines; line && *line; line++)
			n += str_equal(thing_of(*line, now), *things);
		if (n >= DRIFT_PATIENCE)
			strv_add(&contested, *things);
	}
	return contested;
}

int drift_note(const char *path, char *const *things, int64_t now, struct error *e)
{
	_strv_ strv lines = read_lines(path);
	_strv_ strv kept = NULL;
	_free_ char *text = NULL;
	_free_ char *whole = NULL;
	size_t skip;

	for (char **line = lines; line && *line; line++)
		if (thing_of(*line, now))
			strv_add(&kept, *line);
	for (; things && *things; things++)
		strv_addf(&kept, "%" PRId64 " %s", now, *things);
	skip = strv_len(kept) > LINES_MAX ? strv_len(kept) - LINES_MAX : 0;
	text = strv_join(kept ? kept + skip : NULL, "\n");
	whole = xasprintf("%s\n", text);
	return file_replace(path, whole, strlen(whole), 0600, e);
}
