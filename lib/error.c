/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error - one failure as a code for programs and a line for people.
 *
 * The message is cut at its fixed size, never allocated, so that reporting a failure cannot fail.
 * Line breaks in it (from outside texts) become spaces: one failure is one line in every log.
 * Any thread; an error belongs to the stack it lives on.
 */

#include "lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void keep_one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
}

int(fail)(struct error *e, int code, const char *format, ...)
{
	va_list args;

	e->code = code > 0 ? code : EIO;
	errno = e->code;
	va_start(args, format);
	(void)vsnprintf(e->msg, sizeof(e->msg), format, args);
	va_end(args);
	keep_one_line(e->msg);
	return -e->code;
}

int fail_wrap(struct error *e, const char *format, ...)
{
	char front[sizeof(e->msg)];
	va_list args;
	size_t len;

	va_start(args, format);
	(void)vsnprintf(front, sizeof(front), format, args);
	va_end(args);
	keep_one_line(front);
	len = strlen(front);
	if (snprintf(front + len, sizeof(front) - len, ": %s", e->msg) < 0)
		front[len] = '\0';
	memcpy(e->msg, front, sizeof(front));
	return -e->code;
}
