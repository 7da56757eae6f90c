/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CLI_CLI_H
#define RUNTIME_CLI_CLI_H

#include <getopt.h>

#include "runtime/config/config.h"

/* What stands before the command on the command line, and where this program lives. */
struct cli {
	const char *config_path; /* --config; NULL: search */
	char *version_dir;
};

/* Each returns the exit status, or -errno with *e filled.  ARGV[0] is the command's own name. */
typedef int cli_run(const struct cli *cli, int argc, char **argv, struct error *e);

struct command {
	const char *name;
	const char *alias;
	const char *usage; /* NULL: for other programs alone */
	cli_run *run;
	const char *help;
};

/* Each ends with a NULL name. */
extern const struct command cli_commands[];
extern const struct option cli_options[]; /* in front of the command */

/* By its name or alias; NULL: there is none. */
const struct command *cli_find_command(const char *name);

cli_run cmd_check;
cli_run cmd_complete;
cli_run cmd_completion;
cli_run cmd_direct_volume;
cli_run cmd_env;
cli_run cmd_exec;
cli_run cmd_iptables;
cli_run cmd_metrics;
cli_run cmd_policy;

/* The configuration that --config or the search gives; its warnings go to standard error. */
int cli_load_config(const struct cli *cli, struct config *ret, struct error *e);

/* EPERM with what to do, unless the caller is root. */
int cli_need_root(const char *what, struct error *e);

#endif
