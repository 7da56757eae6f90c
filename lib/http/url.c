/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - addresses of the web, as libcurl reads them.
 *
 * Whoever answers may name another address; that may be no file, no other protocol, and nothing
 * that everybody on the way reads where the first was not.  A user and password of the first go
 * nowhere else: a reference with a host of its own has none of them.  Any thread.
 */
#include "lib/http/url.h"

#include <curl/curl.h>
#include <string.h>

#include "lib/redact.h"
#include "lib/str.h"

#define LEN_MAX 4096

void url_done(struct url *u)
{
	free(u->origin);
	free(u->path);
	*u = (struct url){ 0 };
}

bool url_is(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return len > 0 && str_starts(s + len, "://");
}

char *url_shown(const char *s)
{
	char *shown = xstrdup(s);

	redact_text(shown);
	str_make_printable(shown);
	return shown;
}

static int refuse(const char *s, int code, const char *why, struct error *e)
{
	_free_ char *shown = url_shown(s);

	return fail(e, code, "'%.200s' %s", shown, why);
}

/* The whole of U, split where its path begins. */
static int split(CURLU *u, const char *s, struct url *ret_url, struct error *e)
{
	char *whole = NULL, *scheme = NULL;
	const char *path;
	int r = 0;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
		r = refuse(s, EINVAL, "is no address", e);
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		r = refuse(s, EINVAL, "is neither http nor https", e);
	if (r >= 0) {
		path = strchr(strstr(whole, "://") + 3, '/');
		path = path ? path : whole + strlen(whole);
		ret_url->origin = xstrndup(whole, (size_t)(path - whole));
		ret_url->path = xstrdup(*path ? path : "/");
	}
	curl_free(whole);
	curl_free(scheme);
	return r;
}

int url_parse(const char *s, struct url *ret_url, struct error *e)
{
	CURLU *u = curl_url();
	int r;

	if (!u || strlen(s) > LEN_MAX || curl_url_set(u, CURLUPART_URL, s, 0) != CURLUE_OK)
		r = refuse(s, EINVAL, "is no address of http or https", e);
	else
		r = split(u, s, ret_url, e);
	curl_url_cleanup(u);
	return r;
}

int url_resolve(const struct url *base, const char *reference, struct url *ret_url, struct error *e)
{
	_free_ char *from = xasprintf("%s%s", base->origin, base->path);
	_url_ struct url to = { 0 };
	CURLU *u = curl_url();
	struct error why;
	int r = 0;

	if (!u || strlen(reference) > LEN_MAX ||
	    curl_url_set(u, CURLUPART_URL, from, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_URL, reference, 0) != CURLUE_OK ||
	    split(u, reference, &to, &why) < 0)
		r = refuse(reference, EPROTO, "is not where a mirror may send one", e);
	else if (str_starts(from, "https:") && !str_starts(to.origin, "https:"))
		r = refuse(reference, EPROTO, "leads from https to http", e);
	curl_url_cleanup(u);
	if (r < 0)
		return r;
	*ret_url = to;
	to = (struct url){ 0 };
	return 0;
}
