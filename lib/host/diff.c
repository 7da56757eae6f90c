/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff - what changes in a text, line by line, as diff -u says it.
 *
 * What both texts begin and end with is taken off first, which leaves a few lines of a
 * configuration; those are compared by the longest common subsequence.  Where the middle is too
 * large for its table the whole of it is said to change: true, if longer than need be.  It is read
 * by people and kept in logs, so values of secrets do not come along, whatever is edited near them.
 * One thread.
 */
#include "lib/host/diff.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/redact.h"
#include "lib/str.h"

#define CONTEXT   3
#define CELLS_MAX (4 * MIB)

/* Lines of a text, each up to and without its newline; borrowed from it. */
struct lines {
	const char **at;
	size_t *len;
	size_t n;
	bool is_cut; /* the last one has no newline */
};

/* One line of the edit. */
struct mark {
	char sign; /* ' ', '-', '+' */
	size_t a;  /* lines of the old text before it */
	size_t b;  /* and of the new one */
};

struct edits {
	struct mark *list;
	size_t n;
};

static void lines_done(struct lines *l)
{
	free(l->at);
	free(l->len);
}

static void split(const char *text, struct lines *ret_lines)
{
	struct lines l = { 0 };

	for (const char *end; text && *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		l.at = xrealloc(l.at, l.n + 1, sizeof(*l.at));
		l.len = xrealloc(l.len, l.n + 1, sizeof(*l.len));
		l.at[l.n] = text;
		l.len[l.n++] = (size_t)(end - text);
		l.is_cut = *end == '\0';
	}
	*ret_lines = l;
}

/* A last line without its newline is another line than one with it. */
static bool is_same(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	bool is_a_cut = a->is_cut && i + 1 == a->n;
	bool is_b_cut = b->is_cut && j + 1 == b->n;

	return is_a_cut == is_b_cut && a->len[i] == b->len[j] &&
	       memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

static void mark(struct edits *e, char sign, size_t *a, size_t *b)
{
	e->list[e->n++] = (struct mark){ .sign = sign, .a = *a, .b = *b };
	*a += sign != '+';
	*b += sign != '-';
}

/* TABLE[i][j] is the length of the longest common subsequence of what is from I and J on. */
static uint32_t *subsequences(const struct lines *a, const struct lines *b, size_t first, size_t n,
			      size_t m)
{
	uint32_t *table = xcalloc((n + 1) * (m + 1), sizeof(*table));

	for (size_t i = n; i-- > 0;)
		for (size_t j = m; j-- > 0;) {
			uint32_t down = table[(i + 1) * (m + 1) + j];
			uint32_t right = table[i * (m + 1) + j + 1];

			table[i * (m + 1) + j] = is_same(a, first + i, b, first + j)
							 ? table[(i + 1) * (m + 1) + j + 1] + 1
						 : down > right ? down
								: right;
		}
	return table;
}

/* The N lines of A and M of B from FIRST on. */
static void compare(const struct lines *a, const struct lines *b, size_t first, size_t n, size_t m,
		    struct edits *e, size_t *at_a, size_t *at_b)
{
	bool is_small = (n + 1) <= CELLS_MAX / (m + 1);
	_free_ uint32_t *table = is_small ? subsequences(a, b, first, n, m) : NULL;

	while (*at_a < first + n || *at_b < first + m) {
		size_t i = *at_a - first, j = *at_b - first;

		if (table && i < n && j < m && is_same(a, *at_a, b, *at_b))
			mark(e, ' ', at_a, at_b);
		else if (i < n && (!table || j == m ||
				   table[(i + 1) * (m + 1) + j] >= table[i * (m + 1) + j + 1]))
			mark(e, '-', at_a, at_b);
		else
			mark(e, '+', at_a, at_b);
	}
}

static void find_edits(const struct lines *a, const struct lines *b, struct edits *e)
{
	size_t head = 0, tail = 0, at_a = 0, at_b = 0;

	e->list = xcalloc(a->n + b->n + 1, sizeof(*e->list));
	while (head < a->n && head < b->n && is_same(a, head, b, head))
		head++;
	while (tail < a->n - head && tail < b->n - head &&
	       is_same(a, a->n - tail - 1, b, b->n - tail - 1))
		tail++;
	for (size_t i = 0; i < head; i++)
		mark(e, ' ', &at_a, &at_b);
	compare(a, b, head, a->n - head - tail, b->n - head - tail, e, &at_a, &at_b);
	for (size_t i = 0; i < tail; i++)
		mark(e, ' ', &at_a, &at_b);
}

/* ---- the text ---- */

static void put_line(FILE *out, char sign, const struct lines *l, size_t i)
{
	(void)fprintf(out, "%c%.*s\n", sign, (int)l->len[i], l->at[i]);
	if (l->is_cut && i + 1 == l->n)
		(void)fputs("\\ No newline at end of file\n", out);
}

/* "3,4", and of no line the one before it. */
static void put_range(FILE *out, char sign, size_t from, size_t n)
{
	(void)fprintf(out, "%c%zu", sign, n > 0 ? from + 1 : from);
	if (n != 1)
		(void)fprintf(out, ",%zu", n);
}

static void put_hunk(FILE *out, const struct lines *a, const struct lines *b, const struct edits *e,
		     size_t from, size_t to)
{
	size_t n_a = 0, n_b = 0;

	for (size_t i = from; i < to; i++) {
		n_a += e->list[i].sign != '+';
		n_b += e->list[i].sign != '-';
	}
	(void)fputs("@@ ", out);
	put_range(out, '-', e->list[from].a, n_a);
	(void)fputc(' ', out);
	put_range(out, '+', e->list[from].b, n_b);
	(void)fputs(" @@\n", out);
	for (size_t i = from; i < to; i++) {
		const struct mark *m = &e->list[i];

		put_line(out, m->sign, m->sign == '+' ? b : a, m->sign == '+' ? m->b : m->a);
	}
}

/* The end of the hunk that has the change at AT: where more than twice the context is the same. */
static size_t end_of_hunk(const struct edits *e, size_t at)
{
	size_t last = at;

	for (size_t i = at; i < e->n && i - last <= 2 * CONTEXT + 1; i++)
		if (e->list[i].sign != ' ')
			last = i;
	return min_size(e->n, last + CONTEXT + 1);
}

static void put_hunks(FILE *out, const struct lines *a, const struct lines *b,
		      const struct edits *e)
{
	for (size_t i = 0; i < e->n; i++) {
		size_t to;

		if (e->list[i].sign == ' ')
			continue;
		to = end_of_hunk(e, i);
		put_hunk(out, a, b, e, i > CONTEXT ? i - CONTEXT : 0, to);
		i = to - 1;
	}
}

char *diff_unified(const char *name, const char *before, const char *after)
{
	_cleanup_(lines_done) struct lines a = { 0 };
	_cleanup_(lines_done) struct lines b = { 0 };
	struct edits edits = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (str_equal(before, after))
		return xstrdup("");
	split(before, &a);
	split(after, &b);
	find_edits(&a, &b, &edits);
	out = open_memstream(&text, &size);
	(void)fprintf(out, "--- %s\n+++ %s\n", before ? name : "/dev/null",
		      after ? name : "/dev/null");
	put_hunks(out, &a, &b, &edits);
	(void)fclose(out);
	free(edits.list);
	redact_text(text);
	return text;
}
