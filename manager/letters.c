/* SPDX-License-Identifier: Apache-2.0 */
/*
 * letters - the options of upstream's kata-manager.sh, in words of ours.
 *
 * One table.  Upstream's script acts without a verb: a letter that shows or switches something does
 * that alone, all others are about an installation.  Long options go along to the verbs that take
 * them.  Any thread.
 */
#include "manager/letters.h"

#include <string.h>

#include "lib/argument.h"
#include "manager/manager.h"

enum turn {
	TURN_ALONE,   /* this verb, and nothing is installed */
	TURN_BEFORE,  /* this verb, then the installation */
	TURN_INSTALL, /* words for the installation */
};

static const struct letter {
	char letter;
	bool has_value; /* comes behind WORDS */
	enum turn turn;
	const char *words;
	const char *note; /* instead of the words, where those do not say it */
} letters[] = {
	{ 'c', true, TURN_INSTALL, NULL, "install, which takes containerd as it is here" },
	{ 'd', false, TURN_BEFORE, "config set runtime.enable_debug true", NULL },
	{ 'D', false, TURN_INSTALL, NULL, "install, which configures Docker where it is" },
	{ 'e', false, TURN_ALONE, "config show", NULL },
	{ 'f', false, TURN_INSTALL, "--yes", "--yes; no check is skipped" },
	{ 'h', false, TURN_ALONE, "help", NULL },
	{ 'H', true, TURN_BEFORE, "config use", NULL },
	{ 'k', true, TURN_INSTALL, "", "install" },
	{ 'K', true, TURN_INSTALL, "--from", "install --from" },
	{ 'l', false, TURN_ALONE, "list", NULL },
	{ 'L', false, TURN_ALONE, "config show", NULL },
	{ 'N', false, TURN_INSTALL, NULL, "install, which configures nerdctl where it is" },
	{ 'o', false, TURN_INSTALL, "--engines=none", "install --engines none" },
	{ 'r', false, TURN_INSTALL, NULL, "install, which leaves nothing when it fails" },
	{ 'S', true, TURN_ALONE, "config use", NULL },
	{ 't', false, TURN_INSTALL, NULL,
	  "install, in which a sandbox has to answer all the same" },
	{ 'T', false, TURN_ALONE, "test", NULL },
};

void letters_done(struct letters *l)
{
	for (size_t i = 0; i < l->n; i++)
		strv_free(l->lines[i]);
	strv_free(l->notes);
	*l = (struct letters){ 0 };
}

static const struct letter *find(char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (letters[i].letter == c)
			return &letters[i];
	return NULL;
}

static bool is_verb(const char *word)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, word) == 0)
			return true;
	return false;
}

bool letters_are(int argc, char *const *argv)
{
	bool has_letter = false;

	for (int i = 0; i < argc; i++) {
		if (is_verb(argv[i]))
			return false;
		has_letter |= argv[i][0] == '-' && find(argv[i][1]);
	}
	return has_letter;
}

/* ---- what they stand for ---- */

struct reading {
	char *const *words; /* that are left */
	int left;
	struct letters *to;
	strv install;    /* words for the installation */
	strv everywhere; /* words for every verb */
	bool is_alone;
};

static int add_line(struct reading *r, const char *words, const char *value, struct error *e)
{
	if (r->to->n >= LETTERS_LINES_MAX - 1)
		return fail(e, EINVAL, "too many options");
	r->to->lines[r->to->n] = strv_split(words, " ");
	if (value)
		strv_add(&r->to->lines[r->to->n], value);
	r->to->n++;
	return 0;
}

static void note(struct reading *r, const struct letter *row, const char *value)
{
	strv_addf(&r->to->notes, "-%c stands for '%s%s%s'", row->letter,
		  row->note ? row->note : row->words, value && row->words ? " " : "",
		  value && row->words ? value : "");
}

static int take_row(struct reading *r, const struct letter *row, const char *value, struct error *e)
{
	note(r, row, value);
	r->is_alone |= row->turn == TURN_ALONE;
	if (row->turn != TURN_INSTALL)
		return add_line(r, row->words, value, e);
	if (!str_empty(row->words))
		strv_add(&r->install, row->words);
	if (row->words && value)
		strv_add(&r->install, value);
	return 0;
}

/* A word may have several letters; the value of one is the rest of it, or the next word. */
static int take_letters(struct reading *r, const char *word, struct error *e)
{
	for (const char *c = word + 1; *c; c++) {
		const struct letter *row = find(*c);
		const char *value = NULL;

		if (!row)
			return fail(e, EINVAL,
				    "there is no option '-%c'; --help shows what there is", *c);
		if (row->has_value && c[1])
			value = c + 1;
		else if (row->has_value && r->left-- > 0)
			value = *r->words++;
		else if (row->has_value)
			return fail(e, EINVAL, "the option '-%c' needs a value", *c);
		if (take_row(r, row, value, e) < 0)
			return -e->code;
		if (value)
			break;
	}
	return 0;
}

static void take_long(struct reading *r, const char *word)
{
	const struct argument *row = options_find(word);
	strv *to = row && row->takes == 0 ? &r->everywhere : &r->install;

	strv_add(to, word);
	if (row && row->value && !strchr(word, '=') && r->left > 0) {
		strv_add(to, *r->words++);
		r->left--;
	}
}

static void take_version(struct reading *r, const char *word)
{
	strv_addf(&r->to->notes, "'%s' stands for 'install %s'", word, word);
	strv_add(&r->install, word);
}

static int take_all(struct reading *r, struct error *e)
{
	while (r->left > 0) {
		const char *word = *r->words++;
		int status = 0;

		r->left--;
		if (str_starts(word, "--"))
			take_long(r, word);
		else if (word[0] == '-' && word[1])
			status = take_letters(r, word, e);
		else
			take_version(r, word);
		if (status < 0)
			return status;
	}
	return 0;
}

int letters_translate(int argc, char *const *argv, struct letters *ret_letters, struct error *e)
{
	_letters_ struct letters l = { 0 };
	struct reading r = { .words = argv, .left = argc, .to = &l };
	int status = take_all(&r, e);

	if (status >= 0 && !r.is_alone) {
		strv_add(&l.lines[l.n], "install");
		strv_add_all(&l.lines[l.n++], r.install);
	}
	for (size_t i = 0; i < l.n; i++)
		strv_add_all(&l.lines[i], r.everywhere);
	strv_free(r.install);
	strv_free(r.everywhere);
	if (status < 0)
		return status;
	*ret_letters = l;
	l = (struct letters){ 0 };
	return 0;
}
