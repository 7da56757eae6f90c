/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-completion - scripts for shells, and what they ask (lib/completion.h).
 *
 * Words are those of the tables: commands, options, keys of the configuration, and the versions
 * that are installed.
 */
#include <string.h>

#include "lib/completion.h"
#include "lib/host/store.h"
#include "manager/machine.h"
#include "runtime/config/fields.h"

int cmd_completion(struct manager *m, struct error *e)
{
	return completion_script("kata-manager", m->options->arguments[1], m->out, e);
}

static void add(const char *word, const char *prefix, strv *found)
{
	if (str_starts(word, prefix))
		strv_add(found, word);
}

static void add_commands(const char *prefix, strv *found)
{
	for (const struct command *c = commands; c->name; c++)
		if (c->help)
			add(c->name, prefix, found);
}

static void add_keys(const char *prefix, strv *found)
{
	_strv_ strv names = field_names();

	for (char *const *name = names; name && *name; name++)
		add(*name, prefix, found);
}

static void add_versions(const struct manager *m, const char *prefix, strv *found)
{
	_machine_ struct machine k = { 0 };
	_strv_ strv folders = NULL;
	struct error ignored;

	if (machine_open(m->options, &k, &ignored) < 0 ||
	    store_list(k.root, &folders, &ignored) < 0)
		return;
	for (char **f = folders; f && *f; f++)
		add(*f, prefix, found);
}

/* The words of 'config', of which BEFORE is the one before the last. */
static void add_config(const char *before, size_t n, const char *prefix, strv *found)
{
	if (n == 2)
		config_add_words(prefix, found);
	if (n == 3 && str_ends(before, "set"))
		add_keys(prefix, found);
}

/* What the N-th word, which begins with PREFIX, of a command can be. */
static void add_arguments(const struct manager *m, char *const *words, size_t n, const char *prefix,
			  strv *found)
{
	if (strcmp(words[0], "completion") == 0 && n == 2)
		completion_add_shells(prefix, found);
	else if (strcmp(words[0], "config") == 0)
		add_config(words[n - 2], n, prefix, found);
	else if (strcmp(words[0], "verify") == 0 && n == 2)
		add_versions(m, prefix, found);
}

static void add_formats(char *const *words, size_t n, const char *prefix, strv *found)
{
	const char *before = n > 1 ? words[n - 2] : "";
	const struct command *c = commands;

	while (n > 1 && c->name && strcmp(c->name, words[0]) != 0)
		c++;
	if (c->add_formats && (strcmp(before, "-o") == 0 || strcmp(before, "--output") == 0))
		c->add_formats(prefix, found);
	else
		completion_add_formats(before, prefix, found);
}

int cmd_complete(struct manager *m, struct error *e)
{
	strv words = m->options->arguments + 1;
	size_t n = strv_len(words);
	const char *prefix = n > 0 ? words[n - 1] : "";
	_strv_ strv found = NULL;

	(void)e;
	add_formats(words, n, prefix, &found);
	if (!found && prefix[0] == '-')
		options_complete(prefix, &found);
	else if (!found && n <= 1)
		add_commands(prefix, &found);
	else if (!found)
		add_arguments(m, words, n, prefix, &found);
	completion_answer(found, m->out);
	return 0;
}
