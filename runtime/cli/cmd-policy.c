/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-policy - kata-runtime policy: what the agent of a guest may be asked for.
 *
 * For guests with an agent of upstream's; ours has no policies and says so.
 */

#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/give.h"
#include "runtime/sandbox/management.h"

int cmd_policy(const struct cli *cli, int argc, char **argv, struct error *e)
{
	struct give_options options;
	int r;

	(void)cli;
	if (argc < 2 || strcmp(argv[1], "set") != 0)
		return fail(e, EINVAL, "say set");
	r = cli_need_root("policy", e);
	if (r >= 0)
		r = give_parse(argc - 1, argv + 1, &options, e);
	if (r < 0)
		return r;
	if (options.is_ipv6)
		return fail(e, EINVAL, "--v6 means nothing here");
	return give_file(&options, MANAGEMENT_POLICY, e);
}
