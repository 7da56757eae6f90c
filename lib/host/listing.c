/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing - lines of facts that end with the digest of all before.
 *
 * The digest tells a text that was cut off or damaged from a whole one; whose text it is, is for a
 * signature to tell.  Sizes are bounded before anything is copied.  Any thread.
 */
#include "lib/host/listing.h"

#include <string.h>

bool listing_is_sha256(const char *s)
{
	return strlen(s) == SHA256_HEX && strspn(s, "0123456789abcdef") == SHA256_HEX;
}

/* Takes the digest line off the text and compares it with the rest. */
static int check_digest(const char *text, size_t len, size_t *ret_body,
			char ret_digest[SHA256_HEX + 1], struct error *e)
{
	static const char key[] = "digest ";
	size_t line_len = strlen(key) + SHA256_HEX + 1;
	char actual[SHA256_HEX + 1];
	const char *line;

	if (len < line_len || text[len - 1] != '\n' ||
	    strncmp(text + len - line_len, key, strlen(key)) != 0)
		return fail(e, EINVAL, "it does not end with its digest: cut off?");
	line = text + len - line_len;
	memcpy(ret_digest, line + strlen(key), SHA256_HEX);
	ret_digest[SHA256_HEX] = '\0';
	*ret_body = len - line_len;
	sha256_bytes(text, *ret_body, actual);
	if (strcmp(actual, ret_digest) != 0)
		return fail(e, EBADMSG, "its digest is %s, not %.64s as it says: damaged", actual,
			    ret_digest);
	return 0;
}

static const struct listing_kind *find_kind(const struct listing_form *form, const char *text)
{
	size_t len = strcspn(text, " ");

	for (size_t i = 0; i < form->n_kinds; i++)
		if (strlen(form->kinds[i].name) == len &&
		    memcmp(form->kinds[i].name, text, len) == 0)
			return &form->kinds[i];
	return NULL;
}

/* The last field of a kind with text is whatever is left. */
static void split(char *text, const struct listing_kind *kind, struct listing_line *line)
{
	size_t most = kind->has_text ? kind->n_fields : LISTING_FIELDS_MAX;

	line->n = 0;
	while (text && line->n < most) {
		char *space = line->n + 1 < most || !kind->has_text ? strchr(text, ' ') : NULL;

		if (space)
			*space++ = '\0';
		line->fields[line->n++] = text;
		text = space;
	}
	if (text)
		line->n++;
}

static int parse_line(const struct listing_form *form, char *text, unsigned number, void *to,
		      struct error *e)
{
	const struct listing_kind *kind = find_kind(form, text);
	struct listing_line line = { .number = number };

	if (!kind && form->others == OTHERS_PASSED_OVER)
		return 0;
	if (!kind)
		return fail(e, EINVAL, "unknown kind of line '%.32s'", text);
	split(text, kind, &line);
	if (line.n != kind->n_fields)
		return fail(e, EINVAL, "'%s' has %zu fields instead of %zu", kind->name, line.n,
			    kind->n_fields);
	return kind->handle(to, &line, e);
}

static int parse_lines(const struct listing_form *form, char *body, void *to, struct error *e)
{
	unsigned number = 0;
	char *next = body;

	while (*next) {
		char *text = next;

		next = strchr(text, '\n');
		number++;
		if (!next)
			return fail(e, EINVAL, "line %u does not end", number);
		*next++ = '\0';
		if (number == 1 && strcmp(text, form->header) != 0)
			return fail(e, EINVAL, "it does not begin with '%s'", form->header);
		if (number > 1 && parse_line(form, text, number, to, e) < 0)
			return fail_wrap(e, "line %u", number);
	}
	return number > 0 ? 0 : fail(e, EINVAL, "it does not begin with '%s'", form->header);
}

int listing_parse(const struct listing_form *form, const char *text, size_t len, void *to,
		  char ret_digest[SHA256_HEX + 1], struct error *e)
{
	_free_ char *body = NULL;
	size_t body_len = 0;

	if (len > form->max)
		return fail(e, EFBIG, "it is larger than %zu bytes", form->max);
	if (memchr(text, '\0', len))
		return fail(e, EINVAL, "it has a NUL byte");
	if (check_digest(text, len, &body_len, ret_digest, e) < 0)
		return -e->code;
	body = xstrndup(text, body_len);
	return parse_lines(form, body, to, e);
}
