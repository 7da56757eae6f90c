/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact - leave out what is secret, from texts that people keep and send to others.
 *
 * A secret is known by the name of its key: what a line gives to one that ends in "password",
 * "token" and the like.  Values without a key are not known.  Any thread.
 */
#include "lib/redact.h"

#include <ctype.h>
#include <string.h>

#include "lib/str.h"

/* What is left out is at least as long as what comes in its place. */
#define REDACTED     "..."
#define REDACTED_LEN 3

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == '"';
}

bool redact_is_secret(const char *key, size_t len)
{
	static const char *const words[] = { "password",      "passwd",        "passphrase",
					     "secret",        "token",         "auth",
					     "authorization", "identitytoken", "key-data",
					     "apikey",        "api_key",       "credential",
					     "credentials" };

	while (len > 0 && key[len - 1] == '"')
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if (len >= n && strncasecmp(key + len - n, words[i], n) == 0)
			return true;
	}
	return false;
}

/* Where the value of a line "KEY = VALUE" or "KEY: VALUE" begins; NULL for another line. */
static char *find_value(char *line, char *end)
{
	char *c = line + strspn(line, " \t+-{,");
	char *key = c;
	size_t len;

	while (c < end && is_key_char(*c))
		c++;
	len = (size_t)(c - key);
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	if (c >= end || (*c != '=' && *c != ':') || !redact_is_secret(key, len))
		return NULL;
	c++;
	while (c < end && (*c == ' ' || *c == '\t'))
		c++;
	return c;
}

void redact_text(char *text)
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
