/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argument - parse a command line by a table, and say what somebody may have meant.
 *
 * Nearness is the number of letters to change, add, take away or swap (at most a third of the
 * word), so that a slip is told and a guess is not made.  Any thread.
 */
#include "lib/argument.h"

#include <string.h>

#define WORD_MAX 64 /* longer ones are no slips */

static const struct argument *find(const struct argument *table, const char *name, size_t len)
{
	for (; table->name; table++)
		if ((strlen(table->name) == len && strncmp(table->name, name, len) == 0) ||
		    (table->letter && len == 2 && strncmp(table->letter, name, 2) == 0))
			return table;
	return NULL;
}

/* Nothing is said with an empty value, as scripts have it: --context "$CONTEXT". */
static void set(void *to, const struct argument *row, const char *value)
{
	void *at = (char *)to + row->offset;

	if (row->kind == ARGUMENT_FLAG)
		*(bool *)at = true;
	else if (row->kind == ARGUMENT_WORDS)
		strv_add(at, value);
	else
		*(const char **)at = *value ? value : NULL;
}

/* "-ojson" is "-o json". */
static const char *attached(const char *word, size_t len)
{
	if (word[len] == '=')
		return word + len + 1;
	return word[1] != '-' && word[len] ? word + len : NULL;
}

static int fail_unknown(const struct argument *table, const char *word, size_t len, struct error *e)
{
	_free_ char *name = xstrndup(word, len);
	_strv_ strv known = NULL;

	argument_complete(table, "--", &known);
	return argument_unknown("option", name, known, e);
}

/* Returns how many more words it took. */
static int take(const struct argument *table, int left, char **words, void *to, struct error *e)
{
	const char *word = words[0];
	size_t len = word[1] == '-' ? strcspn(word, "=") : 2;
	const struct argument *row = find(table, word, len);
	const char *value = attached(word, len);

	if (!row)
		return fail_unknown(table, word, len, e);
	if (row->kind == ARGUMENT_FLAG && value && strcmp(value, "true") != 0)
		return fail(e, EINVAL, "the option '%s' takes no value", row->name);
	if (row->kind != ARGUMENT_FLAG && !value && left < 2)
		return fail(e, EINVAL, "the option '%s' needs a value", row->name);
	set(to, row, value || row->kind == ARGUMENT_FLAG ? value : words[1]);
	return row->kind != ARGUMENT_FLAG && !value;
}

int argument_parse(const struct argument *table, int argc, char **argv, void *to, strv *arguments,
		   struct error *e)
{
	bool is_over = false;

	for (int i = 0; i < argc; i++) {
		int r = 0;

		if (!is_over && strcmp(argv[i], "--") == 0)
			is_over = true;
		else if (is_over || argv[i][0] != '-' || argv[i][1] == '\0')
			strv_add(arguments, argv[i]);
		else
			r = take(table, argc - i, argv + i, to, e);
		if (r < 0)
			return r;
		i += r;
	}
	return 0;
}

int argument_check(const struct argument *table, const void *from, const char *command,
		   unsigned takes, struct error *e)
{
	for (; table->name; table++) {
		const void *at = (const char *)from + table->offset;
		bool is_given = table->kind == ARGUMENT_FLAG ? *(const bool *)at
							     : *(const void *const *)at != NULL;

		if (is_given && table->takes && !(table->takes & takes))
			return fail(e, EINVAL, "'%s' takes no option '%s'", command, table->name);
	}
	return 0;
}

void argument_complete(const struct argument *table, const char *prefix, strv *names)
{
	for (; table->name; table++)
		if (str_starts(table->name, prefix))
			strv_add(names, table->name);
}

void argument_help(const struct argument *table, unsigned takes, FILE *out)
{
	for (; table->name; table++) {
		_free_ char *term = xasprintf(
			"%s%s%s%s%s", table->letter ? table->letter : "", table->letter ? ", " : "",
			table->name, table->value ? " " : "", table->value ? table->value : "");

		if (!table->takes || (table->takes & takes))
			(void)fprintf(out, "  %-30s  %s\n", term, table->help);
	}
}

/* ---- what was meant ---- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Letters to change, add, take away or swap with their neighbour. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		rows[0][j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];
		const unsigned *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1,
				       above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][n];
}

const char *argument_nearest(const char *word, char *const *known)
{
	size_t len = strlen(word);
	unsigned best = (unsigned)(len + 2) / 3 + 1;
	const char *nearest = NULL;

	if (len > WORD_MAX)
		return NULL;
	for (; known && *known; known++) {
		unsigned d = strlen(*known) <= WORD_MAX ? distance(word, *known) : best;

		if (d < best) {
			best = d;
			nearest = *known;
		}
	}
	return nearest;
}

int argument_unknown(const char *what, const char *word, char *const *known, struct error *e)
{
	const char *nearest = argument_nearest(word, known);

	if (!nearest)
		return fail(e, EINVAL, "there is no %s '%.64s'; --help shows what there is", what,
			    word);
	return fail(e, EINVAL, "there is no %s '%.64s'; did you mean '%s'?", what, word, nearest);
}
