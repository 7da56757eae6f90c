/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp - RFC 3339, the one form of times in logs, Events and conditions.
 *
 * Limits: years of four digits, as the format has them.  Any thread.
 */
#include "lib/timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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

/* "+02:00", with nothing after it. */
static bool parse_offset(const char *text, int64_t *ret_seconds)
{
	static const char form[] = "+00:00";
	int digits[6] = { 0 };

	if (strlen(text) != strlen(form) || (text[0] != '+' && text[0] != '-') || text[3] != ':')
		return false;
	for (int i = 1; i < 6; i++) {
		if (i != 3 && !isdigit((unsigned char)text[i]))
			return false;
		digits[i] = text[i] - '0';
	}
	*ret_seconds = (digits[1] * 10 + digits[2]) * 3600 + (digits[4] * 10 + digits[5]) * 60;
	if (text[0] == '-')
		*ret_seconds = -*ret_seconds;
	return true;
}

bool timestamp_parse(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t offset = 0;

	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0 && !parse_offset(rest, &offset))
		return false;
	*ret_seconds = (int64_t)timegm(&tm) - offset;
	return true;
}
