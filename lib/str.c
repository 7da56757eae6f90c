/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - string lists, numbers from text, ids.
 *
 * The only place that calls strtol(3) and its family: every number from outside passes the parse
 * functions here, which take the whole string or refuse it and name it.  Any thread.
 */

#include "lib/str.h"

#include <ctype.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strv_take(strv *list, char *own_s)
{
	size_t n = strv_len(*list);

	*list = xrealloc(*list, n + 2, sizeof(char *));
	(*list)[n] = own_s;
	(*list)[n + 1] = NULL;
}

void strv_add(strv *list, const char *s)
{
	strv_take(list, xstrdup(s));
}

void strv_addf(strv *list, const char *format, ...)
{
	char *s = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		abort();
	va_end(args);
	strv_take(list, s);
}

void strv_add_all(strv *list, char *const *other)
{
	for (; other && *other; other++)
		strv_add(list, *other);
}

size_t strv_len(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

bool strv_contains(char *const *list, const char *s)
{
	for (; list && *list; list++)
		if (!strcmp(*list, s))
			return true;
	return false;
}

void strv_drop(strv list, const char *value)
{
	size_t kept = 0;

	for (size_t i = 0; list && list[i]; i++) {
		if (strcmp(list[i], value) == 0)
			free(list[i]);
		else
			list[kept++] = list[i];
	}
	if (list)
		list[kept] = NULL;
}

strv strv_copy(char *const *list)
{
	strv copy = NULL;

	strv_add_all(&copy, list);
	return copy;
}

void strv_free(strv list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

strv strv_split(const char *s, const char *separators)
{
	strv parts = NULL;
	size_t len;

	for (;;) {
		s += strspn(s, separators);
		len = strcspn(s, separators);
		if (!len)
			return parts;
		strv_take(&parts, xstrndup(s, len));
		s += len;
	}
}

char *strv_join(char *const *list, const char *separator)
{
	size_t len = 1, gap = strlen(separator);
	char *text, *end;

	for (char *const *s = list; s && *s; s++)
		len += strlen(*s) + gap;
	text = end = xmalloc(len);
	*end = '\0';
	for (char *const *s = list; s && *s; s++) {
		if (s != list)
			end = stpcpy(end, separator);
		end = stpcpy(end, *s);
	}
	return text;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && !strcmp(s + len - tail, suffix);
}

bool str_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool str_empty(const char *s)
{
	return !s || !*s;
}

char *str_trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

bool str_matches(const char *path, const char *pattern)
{
	return fnmatch(pattern, path, FNM_PATHNAME) == 0;
}

void str_set(char **p, const char *s)
{
	char *copy = s ? xstrdup(s) : NULL;

	free(*p);
	*p = copy;
}

static int parse_unsigned(const char *s, const char *what, int base, uint64_t max,
			  uint64_t *ret_value, struct error *e)
{
	unsigned long long value;
	char *end;

	if (!isxdigit((unsigned char)*s))
		return fail(e, EINVAL, "%s '%.64s' is not a number", what, s);
	errno = 0;
	value = strtoull(s, &end, base);
	if (end == s || *end)
		return fail(e, EINVAL, "%s '%.64s' is not a number", what, s);
	if (errno == ERANGE || value > max)
		return fail(e, ERANGE, "%s '%.64s' is above the limit of %" PRIu64, what, s, max);
	*ret_value = value;
	return 0;
}

int parse_u64(const char *s, const char *what, uint64_t max, uint64_t *ret_value, struct error *e)
{
	return parse_unsigned(s, what, 10, max, ret_value, e);
}

int parse_u32(const char *s, const char *what, uint32_t max, uint32_t *ret_value, struct error *e)
{
	uint64_t value;
	int r = parse_unsigned(s, what, 10, max, &value, e);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}

int parse_octal(const char *s, const char *what, uint32_t max, uint32_t *ret_value, struct error *e)
{
	uint64_t value;
	int r = parse_unsigned(s, what, 8, max, &value, e);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}

int parse_hex(const char *s, const char *what, uint64_t max, uint64_t *ret_value, struct error *e)
{
	return parse_unsigned(s, what, 16, max, ret_value, e);
}

int parse_i64(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret_value,
	      struct error *e)
{
	const char *digits = *s == '-' || *s == '+' ? s + 1 : s;
	long long value;
	char *end;

	if (!isdigit((unsigned char)*digits))
		return fail(e, EINVAL, "%s '%.64s' is not a number", what, s);
	errno = 0;
	value = strtoll(s, &end, 10);
	if (*end)
		return fail(e, EINVAL, "%s '%.64s' is not a number", what, s);
	if (errno == ERANGE || value < min || value > max)
		return fail(e, ERANGE, "%s '%.64s' is not between %" PRId64 " and %" PRId64, what,
			    s, min, max);
	*ret_value = value;
	return 0;
}

int parse_bool(const char *s, const char *what, bool *ret_value, struct error *e)
{
	static const char *const yes[] = { "true", "1", "yes" };
	static const char *const no[] = { "false", "0", "no" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(s, yes[i]) || !strcasecmp(s, no[i])) {
			*ret_value = !strcasecmp(s, yes[i]);
			return 0;
		}
	}
	return fail(e, EINVAL, "%s '%.64s' is neither true nor false", what, s);
}

int parse_size(const char *s, const char *what, uint64_t *ret_bytes, struct error *e)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {
		{ "", 1 },           { "K", 1000 },          { "k", 1000 }, { "M", 1000000 },
		{ "G", 1000000000 }, { "T", 1000000000000 }, { "Ki", KIB }, { "Mi", MIB },
		{ "Gi", GIB },       { "Ti", GIB * KIB },
	};
	size_t digits = strspn(s, "0123456789");
	_free_ char *number = xstrndup(s, digits);
	uint64_t value;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(s + digits, units[i].suffix))
			continue;
		r = parse_u64(number, what, UINT64_MAX / units[i].factor, &value, e);
		if (r == 0)
			*ret_bytes = value * units[i].factor;
		return r;
	}
	return fail(e, EINVAL, "%s '%.64s' is not a size such as 512Mi", what, s);
}

static void put_hex(char *to, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = digits[byte >> 4];
	to[1] = digits[byte & 15];
}

char *hex_encode(const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	char *text = xmalloc(2 * len + 1);

	for (size_t i = 0; i < len; i++)
		put_hex(text + 2 * i, from[i]);
	text[2 * len] = '\0';
	return text;
}

char *hex_join(const void *bytes, size_t len, char separator)
{
	const uint8_t *from = bytes;
	char *text = xmalloc(3 * len + 1);

	for (size_t i = 0; i < len; i++) {
		put_hex(text + 3 * i, from[i]);
		text[3 * i + 2] = separator;
	}
	text[len > 0 ? 3 * len - 1 : 0] = '\0';
	return text;
}

/* The value of a hexadecimal digit; -1 if C is none. */
static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

void percent_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%' && hex_value(s[1]) >= 0 && hex_value(s[2]) >= 0) {
			*to++ = (char)(hex_value(s[1]) * 16 + hex_value(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static void make_printable(char *s, const char *kept)
{
	for (; *s; s++) {
		const unsigned char *c = (const unsigned char *)s;

		if ((*c < 0x20 && !strchr(kept, *s)) || *c == 0x7f)
			*s = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
			s[0] = s[1] = '?';
	}
}

void str_make_printable(char *s)
{
	make_printable(s, "");
}

void text_make_printable(char *s)
{
	make_printable(s, "\n\t");
}

static bool is_ascii_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int check_id(const char *s, const char *what, size_t max, struct error *e)
{
	size_t len = s ? strnlen(s, max + 1) : 0;

	if (len < 1 || len > max)
		return fail(e, EINVAL, "%s '%.64s' must have 1 to %zu characters", what, s ? s : "",
			    max);
	if (!is_ascii_alnum(s[0]))
		return fail(e, EINVAL, "%s '%.64s' must begin with a letter or digit", what, s);
	for (size_t i = 1; i < len; i++)
		if (!is_ascii_alnum(s[i]) && !strchr("_.-", s[i]))
			return fail(e, EINVAL,
				    "%s '%.64s' may contain only letters, digits, '_', '.' and '-'",
				    what, s);
	return 0;
}

size_t utf8_length(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (!len || len > left || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void utf8_repair(char *text)
{
	size_t left = strlen(text);
	size_t len;

	for (; left > 0; text += len, left -= len) {
		len = utf8_length(text, left);
		if (len > 0)
			continue;
		*text = '?';
		len = 1;
	}
}
