/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp - RFC 3339, the one form of times in logs, Events and conditions.
 *
 * Limits: years of four digits, as the format has them.  Any thread.
 */
#include "lib/timestamp.h"

#include <stdio.h>

#include "lib/base.h"

void timestamp_format(const struct timespec *time, enum timestamp_form form,
		      char ret_text[TIMESTAMP_SIZE])
{
	struct tm tm = { 0 };
	size_t len;

	(void)gmtime_r(&time->tv_sec, &tm);
	len = strftime(ret_text, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	if (form == TIMESTAMP_MICROS)
		(void)snprintf(ret_text + len, TIMESTAMP_SIZE - len, ".%06dZ",
			       (int)(time->tv_nsec / 1000 % 1000000));
	else
		(void)snprintf(ret_text + len, TIMESTAMP_SIZE - len, "Z");
}

char *timestamp_now(enum timestamp_form form)
{
	char text[TIMESTAMP_SIZE];
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	timestamp_format(&now, form, text);
	return xstrdup(text);
}
