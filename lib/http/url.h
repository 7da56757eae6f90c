/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HTTP_URL_H
#define LIB_HTTP_URL_H

#include "lib/error.h"

/* A URL in the two parts that a client asks for: who, and what of him. */
struct url {
	char *origin; /* "https://user:secret@a.example:8443" */
	char *path;   /* "/a/b?c" */
};

void url_done(struct url *u);
#define _url_ _cleanup_(url_done)

/* Whether S is meant to be one: "WORD://...". */
bool url_is(const char *s);
/* EINVAL if S is not one of http or https. */
int url_parse(const char *s, struct url *ret_url, struct error *e);
/* REFERENCE as it stands in a document at BASE (RFC 3986, 5.3).  EPROTO if that is no URL of http
 * or https, or leads from https to http. */
int url_resolve(const struct url *base, const char *reference, struct url *ret_url,
		struct error *e);
/* S for a person: without user and password.  Caller frees. */
char *url_shown(const char *s);

#endif
