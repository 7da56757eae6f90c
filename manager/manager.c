/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manager - turn a machine without Kubernetes into one that runs containers in VMs, keep it
 * current, and go back.
 *
 *   kata-manager COMMAND [OPTION]...
 *
 * One table; of it help, the manual page and completion are made.  What is found goes to standard
 * output, all else to standard error.  SIGINT and SIGTERM reach the work as a cancel, so that what
 * was begun is taken back.  The same program runs in the canary sandbox (lib/host/envoy.h).  One
 * thread.
 */
#include "manager/manager.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/argument.h"
#include "lib/host/envoy.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/diagnose.h"
#include "manager/letters.h"
#include "manager/packages.h"

#define PROGRAM "kata-manager"

static manager_run cmd_help;

const struct command commands[] = {
	{
		.name = "check",
		.usage = "",
		.has_names = true,
		.run = cmd_check,
		.help = "whether this machine can run sandboxes; ends with 0: it can, 4: it "
			"cannot",
	},
	{
		.name = "install",
		.max = 1,
		.usage = "[VERSION]",
		.takes = TAKES_FROM | TAKES_DRY_RUN | TAKES_YES | TAKES_KEY | TAKES_WITHDRAWN |
			 TAKES_ENGINES,
		.needs_root = true,
		.run = cmd_install,
		.help = "install the release that --from names or the mirror has, the first or "
			"another "
			"one",
	},
	{
		.name = "upgrade",
		.max = 1,
		.usage = "[VERSION]",
		.takes = TAKES_FROM | TAKES_DRY_RUN | TAKES_YES | TAKES_KEY | TAKES_WITHDRAWN |
			 TAKES_ENGINES,
		.needs_root = true,
		.run = cmd_install,
		.help = "the same; containers that run stay on the version they began with",
	},
	{
		.name = "plan",
		.max = 1,
		.usage = "[VERSION]",
		.takes = TAKES_FROM | TAKES_KEY | TAKES_WITHDRAWN | TAKES_ENGINES,
		.run = cmd_plan,
		.help = "what an installation would change and why; ends with 0: nothing, 6: "
			"something",
	},
	{
		.name = "rollback",
		.usage = "",
		.takes = TAKES_DRY_RUN | TAKES_YES | TAKES_WITHDRAWN,
		.needs_root = true,
		.run = cmd_rollback,
		.help = "go back to the version that was current before",
	},
	{
		.name = "remove",
		.usage = "",
		.takes = TAKES_DRY_RUN | TAKES_YES,
		.needs_root = true,
		.run = cmd_remove,
		.help = "take everything away that was installed, unless a container uses it",
	},
	{
		.name = "status",
		.usage = "",
		.run = cmd_status,
		.help = "versions, container engines, sandboxes and which of them are stale, and "
			"why",
	},
	{
		.name = "list",
		.usage = "",
		.takes = TAKES_FROM | TAKES_AVAILABLE | TAKES_KEY,
		.has_names = true,
		.run = cmd_list,
		.help = "the versions that are installed, and those that could be",
	},
	{
		.name = "verify",
		.max = 1,
		.usage = "[VERSION]",
		.has_names = true,
		.run = cmd_verify,
		.help = "read every file again; ends with 0: all is whole, 6: something is damaged",
	},
	{
		.name = "audit",
		.usage = "",
		.takes = TAKES_FROM | TAKES_KEY,
		.run = cmd_audit,
		.help = "what makes sandboxes here less safe than they could be; ends with 0: "
			"nothing, 6: something",
	},
	{
		.name = "test",
		.usage = "",
		.needs_root = true,
		.run = cmd_test,
		.help = "boot a sandbox as it is installed and configured now, and have it answer",
	},
	{
		.name = "diagnose",
		.usage = "",
		.add_formats = diagnose_add_formats,
		.run = cmd_diagnose,
		.help = "a report of all this without secrets, for who is to help: -o markdown, "
			"html, json or yaml",
	},
	{
		.name = "config",
		.min = 1,
		.max = 3,
		.usage = "show|set|unset|use ...",
		.takes = TAKES_DRY_RUN | TAKES_YES,
		.has_names = true,
		.run = cmd_config,
		.help = "the configuration in force and where each value is from; set KEY VALUE, "
			"unset KEY, use VMM",
	},
	{ .name = "recover",
	  .usage = "",
	  .takes = TAKES_DRY_RUN,
	  .needs_root = true,
	  .run = cmd_recover,
	  .help = "take back what an interrupted run left, and no more" },
	{
		.name = "assemble",
		.min = 1,
		.max = 1,
		.usage = "DIR",
		.takes = TAKES_DRY_RUN,
		.needs_root = true,
		.run = cmd_assemble,
		.help = "for packages: make a version of what lies in DIR, and it current; nothing "
			"is asked, configured or started",
	},
	{
		.name = "dismantle",
		.usage = "",
		.takes = TAKES_DRY_RUN | TAKES_PURGE,
		.needs_root = true,
		.run = cmd_dismantle,
		.help = "for packages: remove all but settings, and but what sandboxes that run "
			"use",
	},
	{ .name = "completion",
	  .min = 1,
	  .max = 1,
	  .usage = "bash|zsh|fish",
	  .run = cmd_completion,
	  .help = "a script that lets the shell complete words" },
	{ .name = "__complete", .max = UINT_MAX, .usage = "", .run = cmd_complete },
	{ .name = "help", .usage = "", .run = cmd_help, .help = "show this text" },
	{ .name = NULL },
};

static void put_commands(FILE *out)
{
	for (const struct command *c = commands; c->name; c++) {
		_free_ char *term = xasprintf("%s %s", c->name, c->usage);

		if (c->help)
			(void)fprintf(out, "  %-30s  %s\n", str_trim(term), c->help);
	}
}

static void usage(FILE *out)
{
	(void)fputs("usage: " PROGRAM " COMMAND [OPTION]...\n\nCommands:\n", out);
	put_commands(out);
	(void)fputs("\nOptions:\n", out);
	options_help(out);
	(void)fputs(
		"\nWithout a command the letters of kata-manager.sh stand for one, and it is "
		"said which.\n",
		out);
	(void)fputs("\nPackages that install asks for where there is no container engine:\n", out);
	packages_help(out);
	(void)fputs(
		"\nStatus:\n"
		"  0    done\n"
		"  1    failed; what had been changed was taken back\n"
		"  2    wrong usage\n"
		"  4    refused before anything was changed\n"
		"  6    found: changes (plan, --dry-run), damage (verify), a risk (audit)\n"
		"  130  interrupted; what had been changed was taken back\n",
		out);
}

static int cmd_help(struct manager *m, struct error *e)
{
	(void)e;
	usage(m->out);
	return 0;
}

static int fail_unknown(const char *name, struct error *e)
{
	_strv_ strv known = NULL;

	for (const struct command *c = commands; c->name; c++)
		if (c->help)
			strv_add(&known, c->name);
	return argument_unknown("command", name, known, e);
}

static int check_command(const struct options *o, const struct command *c, struct error *e)
{
	size_t n = strv_len(o->arguments);

	if (n - 1 < c->min || n - 1 > c->max)
		return fail(e, EINVAL, "it is '%s %s'", c->name, c->usage);
	if (options_check(o, c, e) < 0)
		return -e->code;
	return 0;
}

static const struct command *choose_command(struct options *o, struct error *e)
{
	const char *name = o->wants_help || !o->arguments ? "help" : o->arguments[0];
	const struct command *c = commands;

	while (c->name && strcmp(c->name, name) != 0)
		c++;
	if (!c->name) {
		(void)fail_unknown(name, e);
		return NULL;
	}
	return c->run == cmd_help || check_command(o, c, e) >= 0 ? c : NULL;
}

static int run_command(const struct command *c, struct manager *m, struct error *e)
{
	if (!c->add_formats && view_parse_format(m->options->output, &m->format, e) < 0)
		return -e->code;
	if (m->format == VIEW_NAME && !c->has_names)
		return fail(e, EINVAL,
			    "what '%s' shows has no names; it is table, wide, json or yaml",
			    c->name);
	if (c->needs_root && !m->options->is_dry && geteuid() != 0) {
		m->is_refused = true;
		return fail(e, EPERM, "'%s' changes this machine: run it as root", c->name);
	}
	return c->run(m, e);
}

static int status_of(int r, const struct manager *m)
{
	if (r >= 0)
		return r;
	if (r == -EINVAL && !m->is_refused && !m->is_understood)
		return EXIT_USAGE;
	if (r == -ECANCELED)
		return EXIT_INTERRUPTED;
	return m->is_refused ? EXIT_REFUSED : EXIT_FAILED;
}

static int run_cancelled(const char *program, const struct command *c, const struct options *o)
{
	struct cancel cancel = { .fd = -1 };
	struct manager m = { .options = o, .cancel = &cancel, .out = stdout };
	struct error e;
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	cancel.fd = signal_open(&set, &e);
	r = cancel.fd < 0 ? cancel.fd : run_command(c, &m, &e);
	closep(&cancel.fd);
	if (r < 0)
		view_say("%s: %s", program, e.msg);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_FAILED;
	return status_of(r, &m);
}

int manager_words(const char *program, int argc, char **argv)
{
	_options_ struct options o = { 0 };
	const struct command *c = NULL;
	struct error e;

	if (options_parse(argc, argv, &o, &e) >= 0 && !o.wants_version)
		c = choose_command(&o, &e);
	if (o.wants_version) {
		puts(PROGRAM " " KATA_VERSION " (compatible with Kata Containers " KATA_COMPATIBLE
			     ")");
		return 0;
	}
	if (!c) {
		view_say("%s: %s", program, e.msg);
		return EXIT_USAGE;
	}
	return run_cancelled(program, c, &o);
}

static int run_letters(int argc, char **argv)
{
	_letters_ struct letters l = { 0 };
	struct error e;
	int status = 0;

	if (letters_translate(argc, argv, &l, &e) < 0) {
		view_say(PROGRAM ": %s", e.msg);
		return EXIT_USAGE;
	}
	for (char **note = l.notes; note && *note; note++)
		view_say("%s", *note);
	for (size_t i = 0; status == 0 && i < l.n; i++)
		status = manager_words(PROGRAM, (int)strv_len(l.lines[i]), l.lines[i]);
	return status;
}

int manager_main(int argc, char **argv)
{
	int status = envoy_main(argc, argv);

	if (status >= 0)
		return status;
	if (collect_is(argv[0]))
		return collect_main(argc, argv);
	log_open(PROGRAM, STDERR_FILENO, LOG_TEXT, LOG_LEVEL_WARN);
	return letters_are(argc - 1, argv + 1) ? run_letters(argc - 1, argv + 1)
					       : manager_words(PROGRAM, argc - 1, argv + 1);
}
