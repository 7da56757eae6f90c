/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-remove - take everything away that installing brought.
 */
#include "manager/run.h"

int cmd_remove(struct manager *m, struct error *e)
{
	static const struct action action = {
		.name = "remove",
		.steps = remove_steps,
		.presence = HANDLERS_ABSENT,
	};
	_machine_ struct machine k = { 0 };
	_free_ char *question = NULL;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	question = xasprintf(
		"Remove all versions in '%s', the link in '%s' and what 'config set' "
		"wrote in '%s'?",
		k.root, k.link_dir, k.etc);
	if (!m->options->is_dry && ask(m, question, e) < 0)
		return -e->code;
	return run_action(m, &action, e);
}
