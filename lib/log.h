/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/base.h"

/* error = a person must act, warn = we degraded, info = lifecycle, debug = the rest. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, N_LOG_LEVEL };

enum log_format {
	LOG_TEXT, /* time level message key=value: people and containerd's log */
	LOG_JSON, /* one object per line, keys of the agent's log protocol */
};

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Call once, before threads exist.  NAME is the program's; FD stays the caller's and must outlive
 * every log call.  A line is one write(2) of at most 4 KiB, so lines of threads never mix. */
void log_open(const char *name, int fd, enum log_format format, enum log_level level);

/* Adds a field to every line in LOG_JSON, of any thread.  At most 4, literals, before threads
 * exist. */
void log_set_constant(const char *key, const char *value);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Parses "error", "warn", "warning", "info", "debug", "trace"; false if S is none of them. */
bool log_parse_level(const char *s, enum log_level *ret_level);

/* Sets a field that every later line of this thread carries, or removes it (VALUE NULL).  KEY is a
 * literal; VALUE is copied.  At most 4 fields of 128 bytes, longer values are cut. */
void log_set_field(const char *key, const char *value);

void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);

#endif
