/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-remove - take everything away that installing brought.
 */
#include "lib/host/holder.h"
#include "manager/run.h"
#include "manager/show.h"

/* Nothing there is ours, which is what was asked for. */
static int leave(const struct manager *m, const struct machine *k, const char *holder)
{
	_json_ struct json_object *o = json_object_new_object();

	view_say(
		"nothing in '%s' is of kata-manager: it has an installation of %s, which is left "
		"alone",
		k->root, holder);
	if (show_is_for_people(m))
		return 0;
	json_set_str(o, "apiVersion", MANAGER_API);
	json_set_str(o, "kind", "Result");
	json_set_str(o, "action", "remove");
	json_set_str(o, "holder", holder);
	json_set_int(o, "steps", 0);
	json_set_int(o, "writes", 0);
	json_set_int(o, "restarts", 0);
	view_object(o, m->format, m->out);
	return 0;
}

int cmd_remove(struct manager *m, struct error *e)
{
	static const struct action action = {
		.name = "remove",
		.steps = remove_steps,
		.presence = HANDLERS_ABSENT,
	};
	_machine_ struct machine k = { 0 };
	_free_ char *question = NULL;
	_free_ char *holder = NULL;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	holder = holder_other(&k.owner, k.root);
	if (holder)
		return leave(m, &k, holder);
	question = xasprintf(
		"Remove all versions in '%s', the link in '%s' and what 'config set' "
		"wrote in '%s'?",
		k.root, k.link_dir, k.etc);
	if (!m->options->is_dry && ask(m, question, e) < 0)
		return -e->code;
	return run_action(m, &action, e);
}
