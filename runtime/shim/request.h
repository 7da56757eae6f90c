/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SHIM_REQUEST_H
#define RUNTIME_SHIM_REQUEST_H

#include "lib/error.h"

/*
 * request - one request of HTTP/1.0 or 1.1, as the shim's management socket takes them.
 */
struct request {
	char *method;
	char *path;  /* as it came, without its query */
	char *query; /* what stands behind '?'; "" without */
	char *body;  /* NUL-terminated */
	size_t body_len;
};

/* Takes the request at the beginning of the LEN bytes that have come so far.  1 and *ret_request,
 * 0 if it is not whole yet.  EBADMSG: it is none; EMSGSIZE: its head or body is larger than
 * WIRE_REQUEST_MAX, WIRE_REQUEST_BODY_MAX; ENOSYS: its body is in pieces.  What follows it is not
 * looked at. */
int request_parse(const void *bytes, size_t len, struct request *ret_request, struct error *e);
void request_done(struct request *r);
#define _request_ _cleanup_(request_done)

/* The value of NAME in the query, its escapes decoded; NULL if it has none or one with a NUL byte.
 * Caller frees. */
char *request_parameter(const struct request *r, const char *name);

#endif
