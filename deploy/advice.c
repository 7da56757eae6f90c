/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advice - what an administrator can do about a disk that takes nothing.
 *
 * Any write of any step can meet one, and the place that knows the file is no place for the remedy.
 * Here every failure passes once, on its way to the log, the Event and the condition.  Limits: a
 * message that fills its space goes without.  Any thread.
 */
#include "deploy/advice.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	const char *text;
} rows[] = {
	{ ENOSPC, "make room on that disk of the node: 'df -h' and 'df -i' show what is full" },
	{ EDQUOT, "raise the quota of root on that disk of the node, or make room" },
	{ EROFS,
	  "mount that file system of the node read-write; INSTALLATION_PREFIX can name "
	  "another in place of /opt" },
};

void advice_add_text(struct error *e, const char *text)
{
	size_t len = strlen(e->msg);

	(void)snprintf(e->msg + len, sizeof(e->msg) - len, "; %s", text);
}

void advice_add(struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == e->code)
			advice_add_text(e, rows[i].text);
}
