/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-runtime - look at what the runtime sees, from the command line of the host.
 *
 * One table of commands; each command's file parses its own options.  An error is one line on
 * standard error and exit status 1, wrong usage is 2.  One thread.
 */

#include <stdio.h>
#include <string.h>

#include "lib/argument.h"
#include "lib/log.h"
#include "runtime/cli/cli.h"

#define EXIT_USAGE 2

static cli_run cmd_version, cmd_help;

const struct command cli_commands[] = {
	{
		.name = "check",
		.alias = "kata-check",
		.usage = "[-v|--verbose]",
		.run = cmd_check,
		.help = "say whether this host can run Kata Containers and what is missing",
	},
	{
		.name = "env",
		.alias = "kata-env",
		.usage = "[--json]",
		.run = cmd_env,
		.help = "show versions, paths and the configuration in force",
	},
	{
		.name = "direct-volume",
		.usage = "add|remove|stats|resize --volume-path PATH ...",
		.run = cmd_direct_volume,
		.help = "let guests mount the volume at PATH from its disk (--mount-info JSON) or "
			"no more, ask them how full it is, make it larger (--size BYTES)",
	},
	{
		.name = "exec",
		.usage = "[--kata-debug-port PORT] SANDBOX",
		.run = cmd_exec,
		.help = "open a shell in the guest of SANDBOX through its debug console",
	},
	{
		.name = "metrics",
		.usage = "SANDBOX",
		.run = cmd_metrics,
		.help = "what the shim, the hypervisor and the guest of SANDBOX take, for "
			"Prometheus",
	},
	{
		.name = "iptables",
		.usage = "get|set --sandbox-id SANDBOX [--v6] [FILE]",
		.run = cmd_iptables,
		.help = "the packet filter of a guest, as iptables-save writes it; replace it by "
			"FILE",
	},
	{
		.name = "policy",
		.usage = "set --sandbox-id SANDBOX FILE",
		.run = cmd_policy,
		.help = "give the agent of a guest a policy, if it is one that has any",
	},
	{
		.name = "completion",
		.usage = "bash|zsh|fish",
		.run = cmd_completion,
		.help = "a script that lets the shell complete words",
	},
	{ .name = "__complete", .run = cmd_complete },
	{ .name = "version", .usage = "", .run = cmd_version, .help = "show the version" },
	{ .name = "help", .usage = "", .run = cmd_help, .help = "show this text" },
	{ .name = NULL },
};

const struct option cli_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "kata-config", required_argument, NULL, 'c' },
	{ "show-default-config-paths", no_argument, NULL, 'p' },
	{ "kata-show-default-config-paths", no_argument, NULL, 'p' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fputs("usage: kata-runtime [OPTION]... COMMAND [ARGUMENT]...\n\ncommands:\n", out);
	for (const struct command *c = cli_commands; c->name; c++)
		if (c->usage)
			fprintf(out, "  %-13s %-49s %s\n", c->name, c->usage, c->help);
	fputs("\noptions:\n"
	      "  --config FILE                  read FILE instead of searching\n"
	      "  --show-default-config-paths    where configuration is searched\n"
	      "  --version, --help\n",
	      out);
}

static int cmd_version(const struct cli *cli, int argc, char **argv, struct error *e)
{
	(void)cli;
	(void)argc;
	(void)argv;
	(void)e;
	printf("kata-runtime  : " KATA_VERSION "\n   compatible : Kata Containers " KATA_COMPATIBLE
	       "\n   OCI specs  : 1.1.0\n");
	return 0;
}

static int cmd_help(const struct cli *cli, int argc, char **argv, struct error *e)
{
	(void)cli;
	(void)argc;
	(void)argv;
	(void)e;
	usage(stdout);
	return 0;
}

static void show_paths(const struct cli *cli)
{
	printf("/etc/kata-containers/configuration.toml\n"
	       "%s/share/defaults/kata-containers/configuration.toml\n",
	       cli->version_dir);
}

int cli_need_root(const char *what, struct error *e)
{
	if (geteuid() == 0)
		return 0;
	return fail(e, EPERM, "%s needs root: run it with sudo", what);
}

int cli_load_config(const struct cli *cli, struct config *ret, struct error *e)
{
	const char *path = cli->config_path ? cli->config_path : getenv("KATA_CONF_FILE");
	const struct config_source source = { .version_dir = cli->version_dir, .path = path };
	int r = config_load(&source, ret, e);

	if (r < 0)
		return r;
	for (char *const *w = ret->warnings; w && *w; w++)
		fprintf(stderr, "kata-runtime: warning: %s\n", *w);
	return 0;
}

const struct command *cli_find_command(const char *name)
{
	for (const struct command *c = cli_commands; c->name; c++)
		if (strcmp(c->name, name) == 0 || str_equal(c->alias, name))
			return c;
	return NULL;
}

static void fail_unknown(const char *name)
{
	_strv_ strv known = NULL;
	struct error e;

	for (const struct command *c = cli_commands; c->name; c++)
		if (c->usage)
			strv_add(&known, c->name);
	(void)argument_unknown("command", name, known, &e);
	fprintf(stderr, "kata-runtime: %s\n", e.msg);
}

static int run_command(const struct cli *cli, int argc, char **argv)
{
	const struct command *command = argc > 0 ? cli_find_command(argv[0]) : NULL;
	struct error e;
	int r;

	if (!command) {
		if (argc > 0)
			fail_unknown(argv[0]);
		else
			usage(stderr);
		return EXIT_USAGE;
	}
	r = command->run(cli, argc, argv, &e);
	if (r < 0)
		fprintf(stderr, "kata-runtime: %s: %s\n", command->name, e.msg);
	if (fflush(stdout) != 0 && r == 0)
		return 1;
	return r < 0 ? 1 : r;
}

int main(int argc, char **argv)
{
	_free_ char *version_dir = NULL;
	struct cli cli = { 0 };
	struct error e;
	int option;

	log_open("kata-runtime", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_WARN);
	if (config_resolve_version(&version_dir, &e) < 0) {
		fprintf(stderr, "kata-runtime: %s\n", e.msg);
		return 1;
	}
	cli.version_dir = version_dir;
	while ((option = getopt_long(argc, argv, "+hv", cli_options, NULL)) >= 0) {
		if (option == 'c') {
			cli.config_path = optarg;
		} else if (option == 'p') {
			show_paths(&cli);
			return 0;
		} else if (option == 'v') {
			return cmd_version(&cli, 0, NULL, &e);
		} else {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
	}
	return run_command(&cli, argc - optind, argv + optind);
}
