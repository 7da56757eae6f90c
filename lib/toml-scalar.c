/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toml-scalar - the numbers and dates of TOML 1.0.
 *
 * Each function takes a whole word that the parser cut out and says whether it is such a value. The
 * forms are checked by hand because the C library takes more than TOML allows (0x floats, leading
 * zeros, locale).  A float is converted by strtod(3) once its form is known.  Any thread.
 */

#include "lib/toml-scalar.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

int toml_digit(char c, unsigned base)
{
	int value = c >= '0' && c <= '9'   ? c - '0'
		    : c >= 'a' && c <= 'f' ? c - 'a' + 10
		    : c >= 'A' && c <= 'F' ? c - 'A' + 10
					   : -1;

	return value < (int)base ? value : -1;
}

/* Matches digits against "0" in FORM; returns what follows or NULL. */
static const char *match_form(const char *s, const char *form)
{
	for (; *form; s++, form++)
		if (*form == '0' ? !isdigit((unsigned char)*s) : *s != *form)
			return NULL;
	return s;
}

static unsigned two_digits(const char *s)
{
	return (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
}

static bool is_date(const char *s)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year = two_digits(s) * 100 + two_digits(s + 2);
	unsigned month = two_digits(s + 5), day = two_digits(s + 8);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	return month != 2 || leap || day <= 28;
}

/* 07:32:00[.999]; returns what follows or NULL. */
static const char *match_time(const char *s)
{
	const char *after = match_form(s, "00:00:00");

	if (!after || two_digits(s) > 23 || two_digits(s + 3) > 59 || two_digits(s + 6) > 60)
		return NULL;
	if (*after != '.')
		return after;
	if (!isdigit((unsigned char)after[1]))
		return NULL;
	for (after++; isdigit((unsigned char)*after);)
		after++;
	return after;
}

static bool is_offset(const char *s)
{
	if (*s == 'Z' || *s == 'z')
		return s[1] == '\0';
	if (*s != '+' && *s != '-')
		return *s == '\0';
	return match_form(s + 1, "00:00") && s[6] == '\0' && two_digits(s + 1) < 24 &&
	       two_digits(s + 4) < 60;
}

bool toml_is_datetime(const char *s)
{
	const char *after = match_form(s, "0000-00-00");

	if (!after) {
		after = match_time(s);
		return after && !*after;
	}
	if (!is_date(s))
		return false;
	if (!*after)
		return true;
	if (!strchr("Tt ", *after))
		return false;
	after = match_time(after + 1);
	return after && is_offset(after);
}

/* Underscores only between digits of BASE; the others go to RET_DIGITS. */
static bool strip_underscores(const char *s, unsigned base, char *ret_digits)
{
	bool after_digit = false;

	for (; *s; s++) {
		bool digit = toml_digit(*s, base) >= 0;

		if (*s == '_' ? !after_digit || toml_digit(s[1], base) < 0 : !digit)
			return false;
		if (*s != '_')
			*ret_digits++ = *s;
		after_digit = digit;
	}
	*ret_digits = '\0';
	return after_digit;
}

bool toml_read_integer(const char *s, int64_t *ret_value)
{
	_free_ char *digits = xmalloc(strlen(s) + 1);
	bool negative = *s == '-', is_signed = *s == '-' || *s == '+';
	uint64_t value = 0, limit = INT64_MAX;
	unsigned base = 10;

	s += is_signed;
	if (s[0] == '0' && s[1] && strchr("xob", s[1])) {
		base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
		s += 2;
	} else if (s[0] == '0' && s[1]) {
		return false;
	}
	if ((is_signed && base != 10) || !strip_underscores(s, base, digits))
		return false;
	limit += negative;
	for (const char *d = digits; *d; d++) {
		uint64_t digit = (uint64_t)toml_digit(*d, base);

		if (value > (limit - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

/* digits [ . digits ] [ e [+-] digits ], underscores between digits, no leading zero. */
static bool is_float_form(const char *s)
{
	const char *start;

	s += *s == '-' || *s == '+';
	start = s;
	if (*s == '0' && (isdigit((unsigned char)s[1]) || s[1] == '_'))
		return false;
	for (unsigned part = 0; part < 3; part++) {
		const char *digits = s;

		while (isdigit((unsigned char)*s) ||
		       (*s == '_' && s > digits && isdigit((unsigned char)s[1]) && s[-1] != '_'))
			s++;
		if (s == digits)
			return false;
		if (!*s)
			return s > start && part > 0;
		if (part == 0 && *s == '.') {
			s++;
		} else if (part < 2 && (*s == 'e' || *s == 'E')) {
			s++;
			s += *s == '-' || *s == '+';
			part = 1;
		} else {
			return false;
		}
	}
	return false;
}

bool toml_read_float(const char *s, double *ret_value)
{
	const char *word = s + (*s == '-' || *s == '+');
	_free_ char *clean = xmalloc(strlen(s) + 1);
	char *to = clean;

	if (!strcmp(word, "inf") || !strcmp(word, "nan")) {
		*ret_value = *word == 'n' ? (double)NAN : *s == '-' ? -HUGE_VAL : HUGE_VAL;
		return true;
	}
	if (!is_float_form(s))
		return false;
	for (; *s; s++)
		if (*s != '_')
			*to++ = *s;
	*to = '\0';
	*ret_value = strtod(clean, NULL);
	return true;
}
