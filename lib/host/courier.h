/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_COURIER_H
#define LIB_HOST_COURIER_H

#include "lib/http/fetch.h"

/*
 * Files of a web server (fetch.h), brought by a child that can do nothing else: whatever a server
 * says, and whoever stands in between, is read without a right on this machine.  What comes from
 * the child is a stranger's: it has the size that was asked for, and no more is known of it.
 */
struct courier;

/* Everything is copied.  The child is started when the first file is asked for. */
int courier_new(const struct fetch_server *server, struct courier **ret_courier, struct error *e);
/* Ends the child, wherever it is. */
void courier_free(struct courier *c);
DEFINE_CLEANUP(courier_freep, struct courier *, courier_free)

/* As fetcher_moved() and fetch() have it.  EPROTO also if the child dies. */
uint64_t courier_moved(const struct courier *c);
int courier_bring(struct courier *c, const struct fetch *what, struct error *e);
/* What a child says of one file, on FD: public for the tests. */
int courier_hear(int fd, const struct fetch *what, struct error *e);

#endif
