/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - from the bytes of a watch to its events.
 *
 * Pieces arrive cut anywhere; an event ends at a newline.  An event is bounded (an object in etcd
 * is at most 1.5 MiB), so a server that never ends a line cannot fill the node.  One thread.
 */
#include "lib/kube/stream.h"

#include <string.h>

#include "lib/wire.h"

static const char *const names[N_WATCH] = {
	[WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
	[WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
};

void kube_stream_init(struct kube_stream *s)
{
	buf_init(&s->waiting, WIRE_EVENT_MAX);
}

void kube_stream_done(struct kube_stream *s)
{
	buf_done(&s->waiting);
}

static int parse_type(const char *name, enum watch_type *ret_type, struct error *e)
{
	for (size_t i = 0; i < N_WATCH; i++) {
		if (str_equal(name, names[i])) {
			*ret_type = (enum watch_type)i;
			return 0;
		}
	}
	return fail(e, EPROTO, "a watch event has the unknown type '%.32s'", name ? name : "");
}

static int handle_line(const char *line, size_t len, watch_handler *handler, void *arg,
		       struct error *e)
{
	_json_ struct json_object *event = NULL;
	struct json_object *object;
	enum watch_type type = WATCH_ERROR;
	int r;

	if (json_parse(line, len, "watch event", &event, e) < 0) {
		e->code = EPROTO;
		return -EPROTO;
	}
	r = parse_type(json_get_str(event, "type"), &type, e);
	if (r < 0)
		return r;
	object = json_at(event, "object");
	if (!json_object_is_type(object, json_type_object))
		return fail(e, EPROTO, "a watch event has no object");
	return handler(arg, type, object, e);
}

int kube_stream_feed(struct kube_stream *s, const char *bytes, size_t len, watch_handler *handler,
		     void *arg, struct error *e)
{
	struct buf *b = &s->waiting;
	const char *newline;
	size_t line;
	int r = buf_add(b, bytes, len, e);

	if (r < 0)
		return fail_wrap(e, "a watch event is too large");
	while (b->len > 0) {
		newline = memchr(b->data, '\n', b->len);
		if (!newline)
			return 0;
		line = (size_t)(newline - (const char *)b->data);
		r = line > 0 ? handle_line((const char *)b->data, line, handler, arg, e) : 0;
		buf_consume(b, line + 1);
		if (r != 0)
			return r;
	}
	return 0;
}
