/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HTTP_SERVE_H
#define LIB_HTTP_SERVE_H

#include "lib/loop.h"

/*
 * A small HTTP/1.1 server, by libwebsockets, for what a node's daemon says about itself: probes,
 * metrics, a page.  GET and HEAD only, no request body, one answer per connection, everything from
 * memory.  A client has 5 s, an address 8 connections, all have 32 together (lib/wire.h).  The
 * first server makes the process ignore SIGPIPE.
 */
struct http_server;

struct http_answer {
	unsigned status;
	const char *content_type; /* NULL: text/plain; charset=utf-8 */
	char *body;               /* malloc()ed, the server frees it */
};

struct http_route {
	const char *path; /* compared with the path without its query */
	/* Io thread, must not block. */
	void (*answer)(void *context, struct http_answer *answer);
};

/* Serves ROUTES (ends with a NULL path, not copied) on OWN_FD, a listening socket, which it takes,
 * also when it fails. */
int http_server_new(struct loop *loop, int own_fd, const struct http_route *routes, void *context,
		    struct http_server **ret_server, struct error *e);
void http_server_free(struct http_server *server);
DEFINE_CLEANUP(http_server_freep, struct http_server *, http_server_free)

/* A listening TCP socket on every address of the machine, IPv6 and IPv4. */
int http_listen(uint16_t port, struct error *e);

#endif
