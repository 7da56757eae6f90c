/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-metrics - kata-runtime metrics: a sandbox in numbers, which its shim gathers.
 *
 * Any shim of this family is asked (runtime/sandbox/management.h), but those that do not survive
 * it.
 */

#include <stdio.h>

#include "lib/foreign.h"
#include "runtime/cli/cli.h"
#include "runtime/sandbox/management.h"

#define METRICS_MS 15000

int cmd_metrics(const struct cli *cli, int argc, char **argv, struct error *e)
{
	static const struct management_question q = { .method = "GET",
						      .target = MANAGEMENT_METRICS,
						      .form = MANAGEMENT_TEXT,
						      .wait_ms = METRICS_MS };
	_free_ char *answer = NULL;
	int r;

	(void)cli;
	if (argc != 2)
		return fail(e, EINVAL, "takes the id of one sandbox");
	r = check_id(argv[1], "sandbox id", 128, e);
	if (r >= 0)
		r = cli_need_root("metrics", e);
	if (r >= 0)
		r = management_check_metrics(FOREIGN_RUN, argv[1], e);
	if (r >= 0)
		r = management_ask_sandbox(argv[1], &q, &answer, e);
	if (r >= 0)
		(void)fputs(answer, stdout);
	return r < 0 ? r : 0;
}
