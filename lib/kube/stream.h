/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_STREAM_H
#define LIB_KUBE_STREAM_H

#include "lib/buf.h"
#include "lib/json.h"

/* What a watch says about an object. */
enum watch_type {
	WATCH_ADDED,
	WATCH_MODIFIED,
	WATCH_DELETED,
	WATCH_BOOKMARK,
	WATCH_ERROR,
	N_WATCH
};

/* Cuts the bytes of a watch into its events: one JSON object {"type", "object"} per line. */
struct kube_stream {
	struct buf waiting;
};

/* OBJECT is borrowed.  A negative value (with *e filled) or a positive one ends the feeding. */
typedef int watch_handler(void *arg, enum watch_type type, struct json_object *object,
			  struct error *e);

void kube_stream_init(struct kube_stream *s);
void kube_stream_done(struct kube_stream *s);

/* Hands every complete event of what arrived so far to HANDLER.  EMSGSIZE for an event over 4 MiB,
 * EPROTO for one that is no event; else what HANDLER returned last. */
int kube_stream_feed(struct kube_stream *s, const char *bytes, size_t len, watch_handler *handler,
		     void *arg, struct error *e);

#endif
