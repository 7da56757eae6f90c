/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HTTP_FETCH_H
#define LIB_HTTP_FETCH_H

#include "lib/wait.h"

/*
 * Files of a web server, whole or a part, brought in spite of cuts.  What a server says of a file
 * is believed no further than it must be: sizes that are known are held against it, and the bytes
 * are for the caller to compare with a digest.  Proxies are those of the environment (https_proxy,
 * no_proxy, ...).  One thread at a time.
 */
struct fetcher;

/* How long a server is waited for. */
struct fetch_patience {
	uint64_t idle_ms; /* without a byte */
	unsigned slow_bytes, slow_s;
	unsigned tries;    /* in a row that brought next to nothing */
	uint64_t pause_ms; /* before the second try, then twice as long each time */
};

struct fetch_server {
	const char *base_url;
	const char *ca_file; /* trusted certificates, and as text; neither: the system's */
	const char *ca_pem;
	const struct fetch_patience *patience; /* NULL: what is usual */
};

int fetcher_new(const struct fetch_server *server, struct fetcher **ret_fetcher, struct error *e);
void fetcher_free(struct fetcher *f);
DEFINE_CLEANUP(fetcher_freep, struct fetcher *, fetcher_free)

/* Bytes of files that have come, those that were of no use included. */
uint64_t fetcher_moved(const struct fetcher *f);

#define FETCH_REST UINT64_MAX

struct fetch {
	const char *name; /* below the server's URL; "": that itself */
	uint64_t offset;
	uint64_t len;   /* bytes from there on; FETCH_REST: all that are left, at most MAX */
	uint64_t total; /* what the file has; 0: not known */
	uint64_t max;
	const struct cancel *cancel;
	/* Given every byte once and in order; a negative value ends it all. */
	int (*on_data)(void *arg, const void *bytes, size_t len, struct error *e);
	void *arg;
};

/* ENOENT: there is no such file; EACCES: not for us; ESTALE: it is another one than is known, or
 * became one meanwhile; EFBIG: it has more than MAX; EPROTO: a certificate or an answer that is
 * none; ETIMEDOUT, ECONNRESET and the like: after all tries. */
int fetch(struct fetcher *f, const struct fetch *what, struct error *e);
/* How long that takes at most. */
uint64_t fetch_limit_ms(const struct fetch *what);

#endif
