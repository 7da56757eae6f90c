/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - read HTTP, as far as a socket on which root asks a shim needs it.
 *
 * A library would do it, but each pod's shim would carry it: libwebsockets, as the installer has
 * it, is 135 KB of code, for two headers that mean something here.  What is not understood is
 * refused and never guessed at: a body has one plain length, a line has no control characters, a
 * header's name no blanks.  A connection carries one request.  Pure functions.
 */

#include "runtime/shim/request.h"

#include <string.h>
#include <strings.h>

#include "lib/str.h"
#include "lib/wire.h"

#define METHOD_MAX 16

/* Where the head ends; 0 if that has not come. */
static size_t head_length(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != '\n')
			continue;
		if (text[i + 1] == '\n')
			return i + 2;
		if (text[i + 1] == '\r' && i + 2 < len && text[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)text[i] < ' ' && !strchr("\t\r\n", text[i] ? text[i] : 1))
			return false;
	return true;
}

/* Cuts the first line off *TEXT. */
static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	if (end && end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

static bool is_method(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len > 0 && len <= METHOD_MAX && !s[len];
}

/* Takes LINE apart, which it changes. */
static int parse_first(char *line, struct request *r, struct error *e)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	char *query;

	if (!version)
		return fail(e, EBADMSG, "no request of HTTP/1");
	*target++ = '\0';
	*version++ = '\0';
	if (!is_method(line) || target[0] != '/' ||
	    (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0))
		return fail(e, EBADMSG, "no request of HTTP/1");
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	r->method = xstrdup(line);
	r->path = xstrdup(target);
	r->query = xstrdup(query ? query : "");
	return 0;
}

static int take_length(const char *value, size_t *length, bool *has_length, struct error *e)
{
	uint64_t n;

	if (*has_length || value[strspn(value, "0123456789")])
		return fail(e, EBADMSG, "the length of the body is not clear");
	/* One that is no number because it is too large is too large as well. */
	if (parse_u64(value, "Content-Length", UINT64_MAX, &n, e) < 0)
		return fail(e, e->code == ERANGE ? EMSGSIZE : EBADMSG,
			    "the length of the body is not clear");
	if (n > WIRE_REQUEST_BODY_MAX)
		return fail(e, EMSGSIZE, "a body of %llu bytes is too large",
			    (unsigned long long)n);
	*length = (size_t)n;
	*has_length = true;
	return 0;
}

static int parse_header(char *line, size_t *length, bool *has_length, struct error *e)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line) ||
	    strchr(line, '\r'))
		return fail(e, EBADMSG, "a header has no name");
	*colon = '\0';
	if (strcasecmp(line, "transfer-encoding") == 0)
		return fail(e, ENOSYS, "a body in pieces is not taken: say its length");
	if (strcasecmp(line, "content-length") == 0)
		return take_length(str_trim(colon + 1), length, has_length, e);
	return 0;
}

static int parse_head(char *head, struct request *r, size_t *ret_length, struct error *e)
{
	bool has_length = false;
	int result = parse_first(take_line(&head), r, e);

	*ret_length = 0;
	while (result >= 0 && *head) {
		char *line = take_line(&head);

		if (!*line)
			break;
		result = parse_header(line, ret_length, &has_length, e);
	}
	return result;
}

int request_parse(const void *bytes, size_t len, struct request *ret_request, struct error *e)
{
	size_t head_len = head_length(bytes, min_size(len, WIRE_REQUEST_MAX));
	_request_ struct request r = { 0 };
	_free_ char *head = NULL;
	int result;

	if (!is_plain(bytes, head_len ? head_len : min_size(len, WIRE_REQUEST_MAX)))
		return fail(e, EBADMSG, "a request has control characters");
	if (head_len == 0)
		return len < WIRE_REQUEST_MAX ? 0 : fail(e, EMSGSIZE, "the request is too large");
	head = xstrndup(bytes, head_len);
	result = parse_head(head, &r, &r.body_len, e);
	if (result < 0)
		return result;
	if (len - head_len < r.body_len)
		return 0;
	r.body = xcalloc(r.body_len + 1, 1);
	memcpy(r.body, (const char *)bytes + head_len, r.body_len);
	*ret_request = r;
	r = (struct request){ 0 };
	return 1;
}

void request_done(struct request *r)
{
	free(r->method);
	free(r->path);
	free(r->query);
	free(r->body);
	*r = (struct request){ 0 };
}

char *request_parameter(const struct request *r, const char *name)
{
	_strv_ strv pairs = strv_split(r->query, "&");
	size_t len = strlen(name);

	for (size_t i = 0; pairs && pairs[i]; i++) {
		if (strncmp(pairs[i], name, len) != 0 || pairs[i][len] != '=' ||
		    strstr(pairs[i], "%00"))
			continue;
		percent_decode(pairs[i]);
		return xstrdup(pairs[i] + len + 1);
	}
	return NULL;
}
