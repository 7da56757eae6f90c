/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_TIMESTAMP_H
#define LIB_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Times for people and for other programs: RFC 3339 in UTC. */

#define TIMESTAMP_SIZE 32

enum timestamp_form {
	TIMESTAMP_SECONDS, /* "2026-01-31T23:59:59Z" */
	TIMESTAMP_MICROS,  /* "2026-01-31T23:59:59.000001Z" */
};

void timestamp_format(const struct timespec *time, enum timestamp_form form,
		      char ret_text[TIMESTAMP_SIZE]);
/* Of the clock of the day.  Caller frees. */
char *timestamp_now(enum timestamp_form form);
/* Seconds since 1970 of an RFC 3339 time with "Z" or an offset; what is less than one is dropped.
 * False for anything else. */
bool timestamp_parse(const char *text, int64_t *ret_seconds);

#endif
