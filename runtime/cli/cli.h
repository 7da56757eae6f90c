/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CLI_CLI_H
#define RUNTIME_CLI_CLI_H

#include "runtime/config/config.h"

/* What stands before the command on the command line, and where this program lives. */
struct cli {
	const char *config_path; /* --config; NULL: search */
	char *version_dir;
};

/* Each returns the exit status, or -errno with *e filled.  ARGV[0] is the command's own name. */
typedef int cli_run(const struct cli *cli, int argc, char **argv, struct error *e);

cli_run cmd_check;
cli_run cmd_direct_volume;
cli_run cmd_env;
cli_run cmd_exec;

/* The configuration that --config or the search gives; its warnings go to standard error. */
int cli_load_config(const struct cli *cli, struct config *ret, struct error *e);

/* EPERM with what to do, unless the caller is root. */
int cli_need_root(const char *what, struct error *e);

#endif
