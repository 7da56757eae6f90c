/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect - kata-collect-data: the report of `kata-manager diagnose` under upstream's name.
 *
 *   kata-collect-data [OPTION]...
 *
 * The same program by another name, since all that it says is what kata-manager knows.  Options,
 * variable and sections are those of upstream's script; unlike it, it works without root and
 * without an installation, and says what it does not see.  One thread.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/argument.h"
#include "lib/completion.h"
#include "lib/file.h"
#include "lib/log.h"
#include "manager/diagnose.h"
#include "manager/manager.h"

#define PROGRAM "kata-collect-data"

struct wish {
	const char *output;
	const char *root;
	const char *etc;
	bool is_debugged;
	bool wants_help;
	bool wants_version;
};

#define AT(member) offsetof(struct wish, member)

static const struct argument rows[] = {
	{ "--output", "-o", AT(output), ARGUMENT_TEXT, "FORMAT", 0,
	  "markdown, html, json or yaml" },
	{ "--root", NULL, AT(root), ARGUMENT_TEXT, "DIR", 0,
	  "where versions are (/opt/kata, or $kata_install_dir)" },
	{ "--config-dir", NULL, AT(etc), ARGUMENT_TEXT, "DIR", 0,
	  "where this machine's own configuration is (/etc/kata-containers)" },
	{ "--debug", "-d", AT(is_debugged), ARGUMENT_FLAG, NULL, 0, "say what is done" },
	{ "--help", "-h", AT(wants_help), ARGUMENT_FLAG, NULL, 0, "show this text" },
	{ "--version", "-v", AT(wants_version), ARGUMENT_FLAG, NULL, 0, "show the version" },
	{ .name = NULL },
};

bool collect_is(const char *argv0)
{
	return argv0 && str_starts(path_base(argv0), PROGRAM);
}

static void usage(FILE *out)
{
	(void)fputs("usage: " PROGRAM
		    " [OPTION]... >report.md\n\n"
		    "Writes one report of this machine, without secrets, for who is to help.\n\n"
		    "Options:\n",
		    out);
	argument_help(rows, ARGUMENT_ALL, out);
	(void)fputs(
		"\nEnvironment:\n"
		"  PROBLEM_LIMIT                   lines of each log, the last ones that tell of "
		"problems (50)\n"
		"\nCommands:\n"
		"  completion bash|zsh|fish        a script that lets the shell complete words\n"
		"\nStatus:\n"
		"  0    done; the last section says what could not be seen\n"
		"  1    failed\n"
		"  2    wrong usage\n"
		"  130  interrupted\n",
		out);
}

static void complete(char *const *words)
{
	size_t n = strv_len(words);
	const char *last = n > 0 ? words[n - 1] : "";
	const char *before = n > 1 ? words[n - 2] : "";
	_strv_ strv found = NULL;

	if (str_equal(before, "-o") || str_equal(before, "--output"))
		diagnose_add_formats(last, &found);
	else if (last[0] == '-')
		argument_complete(rows, last, &found);
	else if (n > 1 && str_equal(words[0], "completion"))
		completion_add_shells(last, &found);
	else if (n <= 1 && str_starts("completion", last))
		strv_add(&found, "completion");
	completion_answer(found, stdout);
}

/* What a shell asks. */
static int answer(char *const *words, struct error *e)
{
	if (strcmp(words[0], "__complete") == 0) {
		complete(words + 1);
		return 0;
	}
	if (strcmp(words[0], "completion") == 0 && strv_len(words) == 2)
		return completion_script(PROGRAM, words[1], stdout, e);
	return fail(e, EINVAL, "'%.64s' is no option; --help shows what there is", words[0]);
}

/* The command line of kata-manager that means the same. */
static int collect(const struct wish *w)
{
	const struct {
		const char *option;
		const char *value;
	} options[] = { { "--output", w->output },
			{ "--root", w->root },
			{ "--config-dir", w->etc } };
	_strv_ strv words = NULL;

	strv_add(&words, "diagnose");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].value) {
			strv_add(&words, options[i].option);
			strv_add(&words, options[i].value);
		}
	return manager_words(PROGRAM, (int)strv_len(words), words);
}

int collect_main(int argc, char **argv)
{
	_strv_ strv words = NULL;
	struct wish w = { 0 };
	struct error e;
	int status = argument_parse(rows, argc - 1, argv + 1, &w, &words, &e);

	log_open(PROGRAM, STDERR_FILENO, LOG_TEXT,
		 w.is_debugged ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN);
	if (status >= 0 && w.wants_help) {
		usage(stdout);
		return 0;
	}
	if (status >= 0 && w.wants_version) {
		puts(PROGRAM " " KATA_VERSION " (compatible with Kata Containers " KATA_COMPATIBLE
			     ")");
		return 0;
	}
	if (status >= 0 && !words)
		return collect(&w);
	if (status >= 0)
		status = answer(words, &e);
	if (status < 0)
		view_say(PROGRAM ": %s", e.msg);
	return status < 0 ? EXIT_USAGE : status;
}
