/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-iptables - kata-runtime iptables: the packet filter of a guest.
 *
 * Any shim of this family is asked (runtime/sandbox/management.h), and asks the agent, which needs
 * the programs of iptables in its guest.
 */

#include <stdio.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/give.h"
#include "runtime/sandbox/management.h"

#define RULES_MS 15000

static int get(const struct give_options *options, const char *target, struct error *e)
{
	const struct management_question q = {
		.method = "GET", .target = target, .form = MANAGEMENT_TEXT, .wait_ms = RULES_MS
	};
	_free_ char *answer = NULL;
	int r;

	if (options->file)
		return fail(e, EINVAL, "'%s' is too much", options->file);
	r = management_ask_sandbox(options->id, &q, &answer, e);
	if (r >= 0)
		(void)fputs(answer, stdout);
	return r;
}

static const struct {
	const char *name;
	int (*run)(const struct give_options *options, const char *target, struct error *e);
} actions[] = {
	{ "get", get },
	{ "set", give_file },
};

int cmd_iptables(const struct cli *cli, int argc, char **argv, struct error *e)
{
	struct give_options options;
	const char *target;
	int r;

	(void)cli;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, argv[1]) != 0)
			continue;
		r = cli_need_root("iptables", e);
		if (r >= 0)
			r = give_parse(argc - 1, argv + 1, &options, e);
		if (r < 0)
			return r;
		target = options.is_ipv6 ? MANAGEMENT_IP6TABLES : MANAGEMENT_IPTABLES;
		return actions[i].run(&options, target, e);
	}
	return fail(e, EINVAL, "say get or set");
}
