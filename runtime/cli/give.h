/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CLI_GIVE_H
#define RUNTIME_CLI_GIVE_H

#include "lib/error.h"

/* Options of commands that name a sandbox and perhaps a file. */
struct give_options {
	const char *id;
	const char *file; /* NULL: none */
	bool is_ipv6;
};

/* Takes ARGV, whose first word names the action, apart. */
int give_parse(int argc, char **argv, struct give_options *ret, struct error *e);

/* Gives the shim of the sandbox the file's content as what TARGET is to be. */
int give_file(const struct give_options *options, const char *target, struct error *e);

#endif
