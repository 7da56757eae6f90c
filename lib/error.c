/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error - one failure as a code for programs and a line for people.
 *
 * The message is cut at its fixed size, never allocated, so that reporting a failure cannot fail.
 * Line breaks in it (from outside texts) become spaces: one failure is one line in every log.  What
 * no terminal should obey and what is no UTF-8, as a character that the cut has divided, become
 * question marks: ttRPC and gRPC lose an answer whose status is no valid text.
 * Any thread; an error belongs to the stack it lives on.
 */

#include "lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

static void make_one_line(char *text)
{
	for (char *s = text; *s; s++)
		if (*s == '\n' || *s == '\r' || *s == '\t')
			*s = ' ';
	str_make_printable(text);
	utf8_repair(text);
}

int(fail)(struct error *e, int code, const char *format, ...)
{
	va_list args;

	e->code = code > 0 ? code : EIO;
	errno = e->code;
	va_start(args, format);
	(void)vsnprintf(e->msg, sizeof(e->msg), format, args);
	va_end(args);
	make_one_line(e->msg);
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
	len = strlen(front);
	if (snprintf(front + len, sizeof(front) - len, ": %s", e->msg) < 0)
		front[len] = '\0';
	memcpy(e->msg, front, sizeof(front));
	make_one_line(e->msg);
	return -e->code;
}
