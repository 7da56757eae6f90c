/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HTTP_CLIENT_H
#define LIB_HTTP_CLIENT_H

#include "lib/str.h"
#include "lib/wait.h"

/*
 * An HTTP client with kept connections, for one thread at a time; blocking, with deadlines.
 */
struct http_client;

/* Who is asked and as whom.  Everything is copied. */
struct http_target {
	const char *base_url;    /* "https://10.0.0.1:443", without a trailing slash */
	const char *unix_socket; /* connect to this path instead of the URL's host */
	const char *user_agent;
	const char *ca_file;  /* read at every new connection, so it may rotate; or: */
	const char *ca_pem;   /* trusted certificates as text; neither: the system's */
	const char *cert_pem; /* client certificate and key as text */
	const char *key_pem;
	const char *token_file; /* bearer token, read at every request, so it may rotate; or: */
	const char *token;
	const char *server_name; /* asked for, and that the certificate has; NULL: the URL's host */
	bool is_insecure;        /* takes whatever certificate */
	const char *proxy;       /* URL; NULL: none, unless: */
	bool heeds_environment;  /* HTTPS_PROXY, NO_PROXY and the like count */
	char *const *headers;    /* of every request */
	bool http2;              /* HTTP/2 without TLS and without asking first (gRPC) */
};

struct http_request {
	const char *method; /* NULL: GET */
	const char *path;   /* begins with a slash; may carry a query */
	const char *content_type;
	char *const *headers; /* "Name: value" */
	const void *body;
	size_t body_len;
	size_t max_response; /* bytes collected; more is EFBIG.  0: WIRE_BODY_MAX */
	uint64_t deadline_ms;
	uint64_t idle_ms; /* ETIMEDOUT when no byte arrives for so long; 0: never */
	/* ETIMEDOUT when fewer bytes than these arrive in a second, for so many seconds; 0: never
	 */
	unsigned slow_bytes, slow_s;
	const struct cancel *cancel;
	/* Given every piece of a 2xx answer instead of collecting it; a negative value ends the
	 * request with that errno and *e must be filled. */
	int (*on_data)(void *arg, const char *bytes, size_t len, struct error *e);
	/* Given every header and trailer, NAME in lower case, and before them ":status", its
	 * number, of each answer on the way. */
	void (*on_header)(void *arg, const char *name, const char *value);
	void *arg;
};

struct http_response {
	unsigned status;
	char *body; /* NUL-terminated */
	size_t len;
	int64_t retry_after_ms; /* -1: not said */
};

void http_response_done(struct http_response *r);
#define _http_response_ _cleanup_(http_response_done)

/* The first one makes the process ignore SIGPIPE. */
int http_client_new(const struct http_target *target, struct http_client **ret_client,
		    struct error *e);
void http_client_free(struct http_client *client);

/* From the next request on as somebody else; NULL: without.  Copied. */
void http_client_identify(struct http_client *client, const char *token, const char *cert_pem,
			  const char *key_pem);
DEFINE_CLEANUP(http_client_freep, struct http_client *, http_client_free)

/* Sends and waits.  Any status is success; failures are those of the way there: ECONNREFUSED,
 * ECONNRESET (connection or protocol), ETIMEDOUT, ECANCELED, EPROTO (TLS), EFBIG, and what on_data
 * returned. */
int http_do(struct http_client *client, const struct http_request *request,
	    struct http_response *ret_response, struct error *e);

/* S with everything but unreserved characters as %XX.  Caller frees. */
char *http_escape(const char *s);

#endif
