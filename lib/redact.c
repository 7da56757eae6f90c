/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact - leave out what is secret, from texts that people keep and send to others.
 *
 * A secret is known by the name of its key: what a line gives to one that ends in "password",
 * "token" and the like; and by its place, in a URL before the host or after "Bearer".  A line may
 * be prose as well, in which "token: " leads to a reason, so a colon counts where the key is quoted
 * or first in its line.  Other values without a key are not known.  Any thread.
 */
#include "lib/redact.h"

#include <ctype.h>
#include <string.h>

#include "lib/str.h"

/* What is left out is at least as long as what comes in its place. */
#define REDACTED     "..."
#define REDACTED_LEN 3

/* No word of prose that follows "bearer" is as long. */
#define BEARER_MIN 16

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.\"\\", c));
}

bool redact_is_secret(const char *key, size_t len)
{
	static const char *const words[] = {
		"password",      "passwd",      "passphrase",  "_pass",       "pwd",
		"secret",        "token",       "auth",        "cookie",      "authorization",
		"identitytoken", "key-data",    "apikey",      "api_key",     "api-key",
		"credential",    "credentials", "access_key",  "access-key",  "accesskey",
		"secret_key",    "secret-key",  "secretkey",   "private_key", "private-key",
		"privatekey",    "account_key", "account-key", "accountkey"
	};

	while (len > 0 && (key[len - 1] == '"' || key[len - 1] == '\\'))
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if (len >= n && strncasecmp(key + len - n, words[i], n) == 0)
			return true;
	}
	return false;
}

static char *skip_blanks(char *c, const char *end)
{
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	return c;
}

/* The value that follows KEY, which ends at C; NULL if it is no secret's. */
static char *value_after(const char *key, char *c, const char *end, bool is_first)
{
	bool is_quoted = c > key && c[-1] == '"';
	bool is_secret = redact_is_secret(key, (size_t)(c - key));

	if (is_first || is_quoted)
		c = skip_blanks(c, end);
	if (!is_secret || c >= end || (*c != '=' && (*c != ':' || (!is_first && !is_quoted))))
		return NULL;
	return skip_blanks(c + 1, end);
}

/* Where in a line the first secret begins; NULL if it has none. */
static char *find_value(char *line, char *end)
{
	char *c = line + strspn(line, " \t+-{,");
	bool is_first = true;

	while (c < end) {
		const char *key = c;
		char *value;

		while (c < end && is_key_char(*c))
			c++;
		value = c > key ? value_after(key, c, end, is_first) : NULL;
		if (value)
			return value;
		is_first = false;
		if (c == key)
			c++;
	}
	return NULL;
}

static void redact_lines(char *text)
{
	char *to = text;

	for (char *line = text; *line;) {
		char *end = line + strcspn(line, "\n");
		char *next = *end ? end + 1 : end;
		char *value = find_value(line, end);
		bool is_cut = value && end - value > REDACTED_LEN;
		size_t keep = (size_t)((is_cut ? value : end) - line);

		memmove(to, line, keep);
		to += keep;
		if (is_cut) {
			memcpy(to, REDACTED, REDACTED_LEN);
			to += REDACTED_LEN;
		}
		if (next != end)
			*to++ = '\n';
		line = next;
	}
	*to = '\0';
}

static void leave_out(char *from, size_t len)
{
	size_t n = len < REDACTED_LEN ? len : REDACTED_LEN;

	memcpy(from, REDACTED, n);
	memmove(from + n, from + len, strlen(from + len) + 1);
}

/* "https://user:...@host". */
static void redact_urls(char *text)
{
	for (char *c = strstr(text, "://"); c; c = strstr(c + 1, "://")) {
		char *user = c + 3;
		char *at = memrchr(user, '@', strcspn(user, "/ \t\r\n\"'<>\\"));
		char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;

		if (colon)
			leave_out(colon + 1, (size_t)(at - colon) - 1);
	}
}

static void redact_bearers(char *text)
{
	static const char bearer[] = "bearer ";

	for (char *c = strcasestr(text, bearer); c; c = strcasestr(c + 1, bearer)) {
		char *token = c + strlen(bearer);
		size_t len = strcspn(token, " \t\r\n\"'\\,");

		if (len >= BEARER_MIN)
			leave_out(token, len);
	}
}

void redact_text(char *text)
{
	redact_lines(text);
	redact_urls(text);
	redact_bearers(text);
}
