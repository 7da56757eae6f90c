/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - the standard streams of a process, moved by parked calls.
 *
 * A read takes what is there and is answered, or waits; a write that does not fit waits, so a
 * process that does not read slows its writer down as a pipe would.  The bytes are in the kernel's
 * pipe or in the call that brings them, but for a terminal: that takes 4 KiB and then stops the
 * process, so once it is read from, AHEAD_MAX of what follows are kept here for the next call.  Its
 * end is noted as well: like every stream it ends with the call that is told so.  Another
 * descriptor is watched only while a call waits, since an end of file that nobody reads would wake
 * the loop for ever.
 *
 * Bytes are taken for a caller who is there: what the process wrote exists once, and a runtime that
 * comes back after a broken connection reads on where the last answer ended.
 *
 * A terminal whose other side was closed reports EIO, which is its end of file.  Io thread.
 */
#include "agent/container/stream.h"

#include <string.h>
#include <sys/ioctl.h>

#include "lib/rpc/proto/agent.pb-c.h"

#define READ_MIN     256 /* also where nobody says how much is there */
#define TERMINAL_HAS (4 * KIB)
#define AHEAD_MAX    (64 * KIB)

static const char *const names[] = {
	[STREAM_STDIN] = "stdin",
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
	[STREAM_TERMINAL] = "terminal",
};

static void unwatch(struct stream *s)
{
	if (s->is_watched)
		loop_del(s->loop, &s->io);
	s->is_watched = false;
}

static int watch(struct stream *s, uint32_t events, struct error *e)
{
	int r = s->is_watched ? 0 : loop_add(s->loop, &s->io, events, e);

	s->is_watched = r >= 0;
	return r;
}

static void close_stream(struct stream *s)
{
	unwatch(s);
	s->io.fd = close_fd(s->io.fd);
}

/* Room for what is there, at most MAX; what comes meanwhile is for the next call. */
static size_t room_for(const struct stream *s, size_t max)
{
	int waiting = 0;

	if (ioctl(s->io.fd, FIONREAD, &waiting) < 0 || waiting < READ_MIN)
		waiting = READ_MIN;
	return min_size((size_t)waiting, min_size(max, STREAM_READ_MAX));
}

static bool can_read_ahead(const struct stream *s)
{
	return s->kind == STREAM_TERMINAL && s->io.fd >= 0 && !s->has_no_more &&
	       s->ahead.len < s->ahead.max;
}

static void read_ahead(struct stream *s)
{
	struct error e;
	ssize_t n;

	while (can_read_ahead(s)) {
		n = buf_read(&s->ahead, s->io.fd, TERMINAL_HAS, &e);
		if (n == -EAGAIN && !s->is_ending)
			return;
		s->has_no_more = n <= 0;
	}
}

static ssize_t take_ahead(struct stream *s, size_t max, uint8_t **ret_bytes)
{
	size_t n = min_size(s->ahead.len, max);

	if (n > 0) {
		*ret_bytes = xmemdup(s->ahead.data, n);
		buf_consume(&s->ahead, n);
		return (ssize_t)n;
	}
	if (s->io.fd >= 0 && !s->has_no_more)
		return -EAGAIN;
	close_stream(s);
	return 0;
}

/* Returns the bytes read, *ret_bytes the caller's to free; 0 at the end, -EAGAIN when nothing is
 * there yet. */
static ssize_t take_bytes(struct stream *s, size_t max, uint8_t **ret_bytes)
{
	_free_ uint8_t *bytes = NULL;
	size_t room;
	ssize_t n;

	if (s->kind == STREAM_TERMINAL) {
		read_ahead(s);
		return take_ahead(s, max, ret_bytes);
	}
	if (s->io.fd < 0)
		return 0;
	room = room_for(s, max);
	bytes = xmalloc(room);
	do
		n = read(s->io.fd, bytes, room);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*ret_bytes = TAKE_PTR(bytes);
		return n;
	}
	if (n < 0 && errno == EAGAIN && !s->is_ending)
		return -EAGAIN;
	close_stream(s);
	return 0;
}

static bool has_reader(struct stream *s)
{
	parked_drop_gone(&s->calls);
	return s->calls != NULL;
}

static void on_readable(struct io *io, uint32_t events)
{
	struct stream *s = CONTAINER_OF(io, struct stream, io);

	(void)events;
	read_ahead(s);
	while (has_reader(s)) {
		Agent__ReadStreamResponse answer = AGENT__READ_STREAM_RESPONSE__INIT;
		_free_ uint8_t *bytes = NULL;
		ssize_t n = take_bytes(s, s->calls->max, &bytes);

		if (n < 0)
			return;
		answer.data = (ProtobufCBinaryData){ .len = (size_t)n, .data = bytes };
		parked_reply(&s->calls, &answer);
	}
	if (!can_read_ahead(s))
		unwatch(s);
}

int stream_read(struct stream *s, struct rpc_request *req, size_t max, void *out, struct error *e)
{
	Agent__ReadStreamResponse *answer = out;
	uint8_t *bytes = NULL;
	struct parked *call;
	ssize_t n = -EAGAIN;
	int r;

	if (max == 0)
		return fail(e, EINVAL, "a read of '%s' asks for 0 bytes", names[s->kind]);
	if (rpc_is_abandoned(req))
		return fail(e, ECANCELED, "the caller of a read of '%s' has gone", names[s->kind]);
	if (!has_reader(s))
		n = take_bytes(s, max, &bytes);
	if (n >= 0) {
		answer->data.len = (size_t)n;
		answer->data.data = bytes;
		/* Where it cannot be watched, the next call reads. */
		if (can_read_ahead(s))
			(void)watch(s, EPOLLIN, e);
		return 0;
	}
	r = watch(s, EPOLLIN, e);
	if (r < 0)
		return r;
	r = parked_add(&s->calls, req, "for output of the process", &call, e);
	if (r >= 0)
		call->max = max;
	return r;
}

/* Returns the bytes written, 0 when there is no room now. */
static ssize_t give_bytes(struct stream *s, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	do
		n = write(s->io.fd, bytes, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? 0 : -errno;
}

static void finish_writing(struct stream *s)
{
	unwatch(s);
	if (s->is_ending)
		close_stream(s);
}

static void on_writable(struct io *io, uint32_t events)
{
	struct stream *s = CONTAINER_OF(io, struct stream, io);

	(void)events;
	while (s->calls) {
		struct parked *call = s->calls;
		ssize_t n = give_bytes(s, call->data + call->done, call->len - call->done);

		if (n == 0)
			return;
		if (n < 0) {
			stream_cancel(s, (int)-n, "the process reads no more input");
			close_stream(s);
			return;
		}
		call->done += (size_t)n;
		if (call->done == call->len) {
			Agent__WriteStreamResponse answer = AGENT__WRITE_STREAM_RESPONSE__INIT;

			answer.len = (uint32_t)call->len;
			parked_reply(&s->calls, &answer);
		}
	}
	finish_writing(s);
}

static int park_write(struct stream *s, struct rpc_request *req, const uint8_t *bytes, size_t len,
		      size_t done, struct error *e)
{
	struct parked *call;
	int r;

	r = watch(s, EPOLLOUT, e);
	if (r < 0)
		return r;
	r = parked_add(&s->calls, req, "for the process to read its input", &call, e);
	if (r < 0)
		return r;
	call->data = xmemdup(bytes, len);
	call->len = len;
	call->done = done;
	return r;
}

int stream_write(struct stream *s, struct rpc_request *req, const void *data, size_t len, void *out,
		 struct error *e)
{
	Agent__WriteStreamResponse *answer = out;
	ssize_t n = 0;

	if (s->io.fd < 0 || s->is_ending)
		return fail(e, EPIPE, "'%s' of the process is closed", names[s->kind]);
	if (len > STREAM_WRITE_MAX)
		return fail(e, EMSGSIZE, "%zu bytes for '%s' in one call", len, names[s->kind]);
	if (!s->calls)
		n = give_bytes(s, data, len);
	if (n < 0) {
		close_stream(s);
		return fail(e, (int)-n, "cannot write to '%s' of the process: %m", names[s->kind]);
	}
	if ((size_t)n < len)
		return park_write(s, req, data, len, (size_t)n, e);
	answer->len = (uint32_t)len;
	return 0;
}

void stream_init(struct stream *s, struct loop *loop, int own_fd, enum stream_kind kind)
{
	*s = (struct stream){ .io = { .fd = own_fd }, .loop = loop, .kind = kind };
	buf_init(&s->ahead, AHEAD_MAX);
	s->io.ready = kind == STREAM_STDIN ? on_writable : on_readable;
}

void stream_done(struct stream *s)
{
	close_stream(s);
	buf_done(&s->ahead);
	parked_drop_all(&s->calls);
}

void stream_end(struct stream *s)
{
	s->is_ending = true;
	if (s->io.fd < 0)
		return;
	if (s->calls)
		s->io.ready(&s->io, 0);
	else if (s->kind == STREAM_STDIN)
		close_stream(s);
}

bool stream_has_ended(const struct stream *s)
{
	return s->io.fd < 0;
}

void stream_cancel(struct stream *s, int code, const char *why)
{
	unwatch(s);
	parked_fail_all(&s->calls, code, why);
}
