/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - show what a command found (lib/view.h), tell the rest, and ask.
 */
#include "manager/show.h"

#include <unistd.h>

int show(struct manager *m, const struct view *view, struct json_object *items, struct error *e)
{
	struct view whole = *view;

	if (m->format == VIEW_NAME && !view->name)
		return fail(e, EINVAL, "what is shown has no names");
	whole.api = MANAGER_API;
	view_show(&whole, items, m->format, !m->options->has_no_headers, m->out);
	return 0;
}

int ask(const struct manager *m, const char *question, struct error *e)
{
	char answer[8] = "";

	if (m->options->is_sure)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return fail(e, EINVAL, "nobody can be asked here; say --yes: %s", question);
	(void)fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return fail(e, ECANCELED, "nothing was changed");
}
