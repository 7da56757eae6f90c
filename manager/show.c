/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show - show what a command found (lib/view.h), tell the rest, and ask.
 */
#include "manager/show.h"

#include <termios.h>
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

bool show_is_for_people(const struct manager *m)
{
	return m->format == VIEW_TABLE || m->format == VIEW_WIDE;
}

void show_end(struct manager *m, const char *action, unsigned writes, const char *text)
{
	_json_ struct json_object *o = json_object_new_object();

	if (show_is_for_people(m)) {
		(void)fprintf(m->out, "%s: %s\n", action, text);
		return;
	}
	json_set_str(o, "apiVersion", MANAGER_API);
	json_set_str(o, "kind", "Result");
	json_set_str(o, "action", action);
	json_set_str(o, "detail", text);
	json_set_int(o, "steps", 0);
	json_set_int(o, "writes", writes);
	json_set_int(o, "restarts", 0);
	view_object(o, m->format, m->out);
}

int ask(const struct manager *m, const char *question, struct error *e)
{
	char answer[8] = "";

	if (m->options->is_sure)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return fail(e, EINVAL, "nobody can be asked here; say --yes: %s", question);
	/* What was typed before it could be read answers something else. */
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
	(void)fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return fail(e, ECANCELED, "nothing was changed");
}
