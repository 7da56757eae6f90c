/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event, written whole.
 *
 * A line is built on the stack and leaves by one write(2); nothing is buffered, so what was logged
 * before a crash is there.  A full or closed log never blocks or kills the program: the line is
 * lost.  Fields such as sandbox= belong to the thread that set them.  Any thread.
 */

#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/timestamp.h"

#define LINE_MAX_BYTES 4096
#define N_FIELDS       4
#define N_CONSTANTS    4

/* A field of every line of the program. */
struct log_constant {
	const char *key;
	const char *value;
};

struct field {
	const char *key;
	char value[128];
};

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static const struct {
	const char *text;
	const char *json; /* short names of the agent's log protocol */
} level_names[] = {
	[LOG_LEVEL_ERROR] = { "error", "ERRO" },
	[LOG_LEVEL_WARN] = { "warn", "WARN" },
	[LOG_LEVEL_INFO] = { "info", "INFO" },
	[LOG_LEVEL_DEBUG] = { "debug", "DEBG" },
};
_Static_assert(ARRAY_SIZE(level_names) == N_LOG_LEVEL, "a level has no name");

static struct {
	const char *name;
	struct log_constant constants[N_CONSTANTS];
	int fd;
	enum log_format format;
	enum log_level level;
} sink = { "", { { NULL, NULL } }, STDERR_FILENO, LOG_TEXT, LOG_LEVEL_INFO };

static _Thread_local struct field fields[N_FIELDS];

/* Leaves room for what closes a line: a quote, a brace, the line feed. */
static void add_char(struct line *line, char c)
{
	if (line->len < sizeof(line->text) - 4)
		line->text[line->len++] = c;
}

static void add_text(struct line *line, const char *s)
{
	for (; *s; s++)
		add_char(line, *s == '\n' || *s == '\r' ? ' ' : *s);
}

static void add_json_string(struct line *line, const char *s)
{
	char escape[8];

	add_char(line, '"');
	for (; *s && line->len < sizeof(line->text) - 12; s++) {
		if (*s == '"' || *s == '\\')
			add_char(line, '\\');
		if ((unsigned char)*s >= 0x20) {
			add_char(line, *s);
			continue;
		}
		(void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)*s);
		add_text(line, escape);
	}
	add_char(line, '"');
}

static void add_json_pair(struct line *line, const char *key, const char *value)
{
	add_text(line, line->len > 1 ? ",\"" : "\"");
	add_text(line, key);
	add_text(line, "\":");
	add_json_string(line, value);
}

static void format_text(struct line *line, enum log_level level, const char *when, const char *msg)
{
	add_text(line, when);
	add_char(line, ' ');
	add_text(line, level_names[level].text);
	add_char(line, ' ');
	add_text(line, sink.name);
	add_text(line, ": ");
	add_text(line, msg);
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!fields[i].key)
			continue;
		add_char(line, ' ');
		add_text(line, fields[i].key);
		add_char(line, '=');
		add_text(line, fields[i].value);
	}
}

static void format_json(struct line *line, enum log_level level, const char *when, const char *msg)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	add_char(line, '{');
	add_json_pair(line, "msg", msg);
	add_json_pair(line, "level", level_names[level].json);
	add_json_pair(line, "ts", when);
	add_json_pair(line, "name", sink.name);
	add_json_pair(line, "pid", pid);
	for (size_t i = 0; i < N_CONSTANTS && sink.constants[i].key; i++)
		add_json_pair(line, sink.constants[i].key, sink.constants[i].value);
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields[i].key)
			add_json_pair(line, fields[i].key, fields[i].value);
	line->text[line->len++] = '}';
}

void log_open(const char *name, int fd, enum log_format format, enum log_level level)
{
	sink.name = name;
	sink.fd = fd;
	sink.format = format;
	sink.level = level;
}

void log_set_constant(const char *key, const char *value)
{
	size_t i = 0;

	while (i < N_CONSTANTS - 1 && sink.constants[i].key)
		i++;
	sink.constants[i] = (struct log_constant){ key, value };
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

enum log_level log_get_level(void)
{
	return sink.level;
}

bool log_parse_level(const char *s, enum log_level *ret_level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {
		{ "error", LOG_LEVEL_ERROR }, { "critical", LOG_LEVEL_ERROR },
		{ "fatal", LOG_LEVEL_ERROR }, { "panic", LOG_LEVEL_ERROR },
		{ "warn", LOG_LEVEL_WARN },   { "warning", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO },   { "debug", LOG_LEVEL_DEBUG },
		{ "trace", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(s, names[i].name))
			continue;
		*ret_level = names[i].level;
		return true;
	}
	return false;
}

static struct field *find_field(const char *key)
{
	struct field *empty = NULL;

	for (size_t i = 0; i < N_FIELDS; i++) {
		if (fields[i].key && !strcmp(fields[i].key, key))
			return &fields[i];
		if (!fields[i].key && !empty)
			empty = &fields[i];
	}
	return empty;
}

void log_set_field(const char *key, const char *value)
{
	struct field *field = find_field(key);

	if (!field)
		return;
	field->key = value ? key : NULL;
	if (value)
		(void)snprintf(field->value, sizeof(field->value), "%s", value);
}

void log_write(enum log_level level, const char *format, ...)
{
	char msg[2048], when[TIMESTAMP_SIZE];
	struct timespec now;
	struct line line = { .len = 0 };
	int saved_errno = errno;
	va_list args;

	if (level > sink.level)
		return;
	va_start(args, format);
	(void)vsnprintf(msg, sizeof(msg), format, args);
	va_end(args);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	timestamp_format(&now, TIMESTAMP_MICROS, when);
	if (sink.format == LOG_JSON)
		format_json(&line, level, when, msg);
	else
		format_text(&line, level, when, msg);
	line.text[line.len++] = '\n';
	(void)!write(sink.fd, line.text, line.len);
	errno = saved_errno;
}
