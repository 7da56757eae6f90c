/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-completion - scripts for shells, and what they ask (lib/completion.h).
 *
 * What a command takes says its usage in the table: options and words there are offered as they
 * stand, SANDBOX stands for those that have a record.  One thread.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "lib/completion.h"
#include "runtime/cli/cli.h"

#define RECORDS "/run/vc/sbs"

int cmd_completion(const struct cli *cli, int argc, char **argv, struct error *e)
{
	(void)cli;
	if (argc != 2)
		return fail(e, EINVAL, "it is 'completion bash|zsh|fish'");
	return completion_script("kata-runtime", argv[1], stdout, e);
}

static void add(const char *word, const char *prefix, strv *found)
{
	if (str_starts(word, prefix))
		strv_add(found, word);
}

static void add_sandboxes(const char *prefix, strv *found)
{
	DIR *dir = opendir(RECORDS);
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			add(d->d_name, prefix, found);
	if (dir)
		(void)closedir(dir);
}

static void add_usage(const char *usage, const char *prefix, strv *found)
{
	completion_add_usage(usage, prefix, found);
	if (prefix[0] != '-' && strstr(usage, "SANDBOX"))
		add_sandboxes(prefix, found);
}

static void add_commands(const char *prefix, strv *found)
{
	for (const struct command *c = cli_commands; c->name; c++)
		if (c->usage)
			add(c->name, prefix, found);
}

static void add_options(const char *prefix, strv *found)
{
	for (const struct option *o = cli_options; o->name; o++) {
		_free_ char *word = xasprintf("--%s", o->name);

		if (!str_starts(o->name, "kata-"))
			add(word, prefix, found);
	}
}

int cmd_complete(const struct cli *cli, int argc, char **argv, struct error *e)
{
	const char *prefix = argc > 2 ? argv[argc - 1] : "";
	const struct command *command = NULL;
	_strv_ strv found = NULL;

	(void)cli;
	(void)e;
	/* Behind "__complete --", and before the last word. */
	for (int i = 2; !command && i < argc - 1; i++)
		command = cli_find_command(argv[i]);
	if (command)
		add_usage(command->usage ? command->usage : "", prefix, &found);
	else if (prefix[0] == '-')
		add_options(prefix, &found);
	else
		add_commands(prefix, &found);
	completion_answer(found, stdout);
	return 0;
}
