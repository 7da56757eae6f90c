/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stdio - move bytes between a process's streams and containerd's fifos.
 *
 * One request per stream is in flight, so memory is bounded and a slow reader slows the writer, as
 * a pipe would.  The end of the outputs is reported when their reader has taken the last byte,
 * since containerd drops whatever arrives after an exit, and containerd 1.6 what it has not read by
 * then (so a container of runc loses the end of its log on a busy node).  A reader may open its
 * fifo later than a short process ends: where none was there, the end waits for one, since who
 * opens a fifo that we have left waits for ever.  A reader that never comes must not hold an exit
 * for ever: after it, a stream that moves nothing for STALL_MS is given up. One that moves without
 * end is ended by those who know that it should (process.c).
 *
 * The guest is not trusted: an answer with more bytes than were asked for, or fewer taken than
 * none, ends the stream.
 *
 * An answer of the agent may come long after nobody wants it; the streams stay until then.
 * Opening happens on a work thread, all else on the io thread.
 */

#include "runtime/pod/stdio.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"

#define STALL_MS      UINT64_C(10000)
#define SETTLE_MS     UINT64_C(2)
#define SETTLE_MAX_MS UINT64_C(100)

struct output {
	struct io io; /* fd: -1 when closed */
	struct stdio *owner;
	enum client_call read;
	struct buf rest; /* what the reader has not taken yet */
	bool in_flight;
	bool is_watched;
	bool is_settling;   /* its reader has the rest yet to take, or to come */
	bool has_no_reader; /* had none when it was opened, and may have none yet */
	int unread;
	bool is_lost; /* and said so */
	bool has_ended;
};

struct input {
	struct io io;
	struct stdio *owner;
	struct buf rest;
	bool in_flight;
	bool is_watched;
	bool must_close; /* once the fifo is empty */
	bool is_closed;
};

struct stdio {
	struct loop *loop;
	struct rpc_client *rpc; /* NULL until started */
	char *container_id;
	char *exec_id;
	struct input in;
	struct output out, err;
	struct sink *logger; /* or NULL */
	void (*ended)(void *arg);
	void *arg;
	struct io stall;
	struct io settle; /* a timer: nobody tells when a fifo is empty */
	uint64_t settle_ms;
	uint64_t moved; /* bytes, to see whether anything does */
	uint64_t moved_before;
	unsigned in_flight;
	bool is_detached; /* rpc is no more */
	bool is_freed;
};

static void output_read(struct output *o);
static void input_ready(struct io *io, uint32_t flags);

static void release(struct stdio *s)
{
	if (!s->is_freed || s->in_flight > 0)
		return;
	buf_done(&s->in.rest);
	buf_done(&s->out.rest);
	buf_done(&s->err.rest);
	free(s->container_id);
	free(s->exec_id);
	free(s);
}

static void close_stream(struct stdio *s, struct io *io, bool *is_watched)
{
	if (*is_watched)
		loop_del(s->loop, io);
	*is_watched = false;
	io->fd = close_fd(io->fd);
}

static void output_end(struct output *o)
{
	struct stdio *s = o->owner;
	void (*ended)(void *);

	if (o->has_ended)
		return;
	o->has_ended = true;
	close_stream(s, &o->io, &o->is_watched);
	if (!s->out.has_ended || !s->err.has_ended)
		return;
	timer_arm(s->stall.fd, 0, 0);
	ended = TAKE_PTR(s->ended);
	if (ended)
		ended(s->arg);
}

static bool is_settling(const struct output *o)
{
	return o->is_settling && !o->has_ended;
}

/* Whether a reader has yet to come. */
static bool misses_reader(struct output *o)
{
	o->has_no_reader = o->has_no_reader && !sink_has_reader(o->io.fd);
	return o->has_no_reader;
}

/* What the reader has not taken; 0 where there is no reader, as for a file. */
static int look(struct output *o)
{
	int before = o->unread;

	if (ioctl(o->io.fd, FIONREAD, &o->unread) < 0)
		o->unread = 0;
	if (o->unread < before) {
		o->owner->moved++;
		o->owner->settle_ms = SETTLE_MS;
	}
	return o->unread;
}

static bool has_settled(struct output *o)
{
	return is_settling(o) && look(o) == 0 && !misses_reader(o);
}

/* The last line may free S. */
static void settle(struct stdio *s)
{
	bool out = has_settled(&s->out);
	bool err = has_settled(&s->err);

	if (is_settling(&s->out) != out || is_settling(&s->err) != err)
		timer_arm(s->settle.fd, s->settle_ms, 0);
	s->settle_ms = min_u64(s->settle_ms * 2, SETTLE_MAX_MS);
	if (out)
		output_end(&s->out);
	if (err)
		output_end(&s->err);
}

static void settle_ready(struct io *io, uint32_t flags)
{
	(void)flags;
	timer_read(io->fd);
	settle(CONTAINER_OF(io, struct stdio, settle));
}

/* Nothing more comes. */
static void output_settle(struct output *o)
{
	struct error e;

	/* Our own reading end hides whether there is another. */
	if (o->has_no_reader && !o->is_settling && sink_only_write(&o->io.fd, &e) < 0) {
		log_warn("%s", e.msg);
		o->has_no_reader = false;
	}
	o->is_settling = true;
	o->owner->settle_ms = SETTLE_MS;
	settle(o->owner);
}

static void output_watch(struct output *o)
{
	struct error e;

	if (o->is_watched)
		return;
	if (loop_add(o->owner->loop, &o->io, EPOLLOUT, &e) < 0) {
		log_warn("output is lost: %s", e.msg);
		output_end(o);
		return;
	}
	o->is_watched = true;
}

/* Writes what is there; false when the reader must be waited for. */
static bool output_flush(struct output *o)
{
	struct error e;

	while (o->rest.len > 0) {
		ssize_t n = buf_write(&o->rest, o->io.fd, &e);

		if (n == -EAGAIN)
			return false;
		if (n < 0) {
			/* The process must not stall because its reader is gone. */
			if (!o->is_lost)
				log_warn("output is lost from here on: %s", e.msg);
			o->is_lost = true;
			buf_consume(&o->rest, o->rest.len);
			return true;
		}
		o->owner->moved += (uint64_t)n;
	}
	return true;
}

static void output_ready(struct io *io, uint32_t flags)
{
	struct output *o = CONTAINER_OF(io, struct output, io);

	(void)flags;
	if (!output_flush(o))
		return;
	loop_del(o->owner->loop, io);
	o->is_watched = false;
	buf_done(&o->rest);
	buf_init(&o->rest, STDIO_CHUNK);
	output_read(o);
}

static void output_take(struct output *o, const ProtobufCBinaryData *data)
{
	struct error e;

	if (data->len > STDIO_CHUNK) {
		log_error("agent: %zu bytes of output where %u were asked for; the stream ends",
			  data->len, (unsigned)STDIO_CHUNK);
		output_end(o);
		return;
	}
	if (data->len == 0 || buf_add(&o->rest, data->data, data->len, &e) < 0) {
		output_settle(o);
		return;
	}
	if (output_flush(o))
		output_read(o);
	else
		output_watch(o);
}

static void output_arrived(void *arg, void *out, const struct error *error)
{
	struct output *o = arg;
	struct stdio *s = o->owner;
	const Agent__ReadStreamResponse *answer = out;

	o->in_flight = false;
	s->in_flight--;
	if (s->is_freed) {
		release(s);
		return;
	}
	if (o->has_ended)
		return;
	if (answer) {
		output_take(o, &answer->data);
		return;
	}
	log_debug("output ends: %s", error->msg);
	output_settle(o);
}

static void output_read(struct output *o)
{
	struct stdio *s = o->owner;
	Agent__ReadStreamRequest request = AGENT__READ_STREAM_REQUEST__INIT;
	struct error e;

	if (o->in_flight || o->has_ended)
		return;
	if (s->is_detached) {
		output_settle(o);
		return;
	}
	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	request.len = STDIO_CHUNK;
	o->in_flight = true;
	s->in_flight++;
	if (rpc_call_async(s->rpc, client_call_of(o->read), &request, output_arrived, o, &e) < 0) {
		o->in_flight = false;
		s->in_flight--;
		log_debug("output ends: %s", e.msg);
		output_settle(o);
	}
}

static void ignore_answer(void *arg, void *out, const struct error *error)
{
	struct stdio *s = arg;

	if (!out)
		log_debug("closing input: %s", error->msg);
	s->in_flight--;
	release(s);
}

static void input_close(struct input *in)
{
	struct stdio *s = in->owner;
	Agent__CloseStdinRequest request = AGENT__CLOSE_STDIN_REQUEST__INIT;
	struct error e;

	if (in->is_closed)
		return;
	in->is_closed = true;
	close_stream(s, &in->io, &in->is_watched);
	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	s->in_flight++;
	if (rpc_call_async(s->rpc, client_call_of(CLIENT_CLOSE_STDIN), &request, ignore_answer, s,
			   &e) < 0) {
		s->in_flight--;
		log_debug("closing input: %s", e.msg);
	}
}

/* The process takes no more input. */
static void input_abandon(struct input *in, const char *why)
{
	log_debug("input ends: %s", why);
	in->is_closed = true;
	close_stream(in->owner, &in->io, &in->is_watched);
}

static void input_watch(struct input *in)
{
	struct error e;

	if (in->is_watched || in->is_closed)
		return;
	if (loop_add(in->owner->loop, &in->io, EPOLLIN, &e) < 0) {
		input_abandon(in, e.msg);
		return;
	}
	in->is_watched = true;
}

static void input_write(struct input *in);

static void input_taken(void *arg, void *out, const struct error *error)
{
	struct input *in = arg;
	struct stdio *s = in->owner;
	const Agent__WriteStreamResponse *answer = out;

	in->in_flight = false;
	s->in_flight--;
	if (s->is_freed) {
		release(s);
		return;
	}
	if (in->is_closed)
		return;
	if (!answer) {
		input_abandon(in, error->msg);
		return;
	}
	if (answer->len == 0 || answer->len > in->rest.len) {
		log_error("agent: took %u of %zu bytes of input; the stream ends", answer->len,
			  in->rest.len);
		input_abandon(in, "wrong answer");
		return;
	}
	buf_consume(&in->rest, answer->len);
	if (in->rest.len > 0)
		input_write(in);
	else
		input_ready(&in->io, 0);
}

static void input_write(struct input *in)
{
	struct stdio *s = in->owner;
	Agent__WriteStreamRequest request = AGENT__WRITE_STREAM_REQUEST__INIT;
	struct error e;

	request.container_id = s->container_id;
	request.exec_id = s->exec_id;
	request.data.data = in->rest.data;
	request.data.len = in->rest.len;
	in->in_flight = true;
	s->in_flight++;
	if (rpc_call_async(s->rpc, client_call_of(CLIENT_WRITE_STDIN), &request, input_taken, in,
			   &e) < 0) {
		in->in_flight = false;
		s->in_flight--;
		input_abandon(in, e.msg);
	}
}

/* The fifo is not watched while a request is in flight: what is not read yet stays in it. */
static void input_ready(struct io *io, uint32_t flags)
{
	struct input *in = CONTAINER_OF(io, struct input, io);
	struct error e;
	ssize_t n;

	if (in->is_watched)
		loop_del(in->owner->loop, io);
	in->is_watched = false;
	n = buf_read(&in->rest, io->fd, STDIO_CHUNK, &e);
	if (n > 0)
		input_write(in);
	else if (n == -EAGAIN && !in->must_close)
		input_watch(in);
	else if (n == 0 && !in->must_close && flags == 0)
		/* No writer has come yet, which reads like the end; a hang-up is told by epoll. */
		input_watch(in);
	else
		input_close(in);
}

static void stalled(struct io *io, uint32_t flags)
{
	struct stdio *s = CONTAINER_OF(io, struct stdio, stall);

	(void)flags;
	timer_read(io->fd);
	if (s->moved != s->moved_before) {
		s->moved_before = s->moved;
		timer_arm(io->fd, STALL_MS, 0);
		return;
	}
	log_warn("nobody takes the rest of the output: it is dropped");
	stdio_end_outputs(s);
}

static void stdio_init(struct stdio *s, const struct stdio_params *p)
{
	s->loop = p->loop;
	s->container_id = xstrdup(p->container_id);
	s->exec_id = xstrdup(p->exec_id);
	s->in = (struct input){ .io = { -1, input_ready }, .owner = s };
	s->out = (struct output){ .io = { -1, output_ready },
				  .owner = s,
				  .read = CLIENT_READ_STDOUT };
	s->err = (struct output){ .io = { -1, output_ready },
				  .owner = s,
				  .read = CLIENT_READ_STDERR,
				  .has_ended = p->paths.is_terminal };
	s->stall = (struct io){ -1, stalled };
	s->settle = (struct io){ -1, settle_ready };
	buf_init(&s->in.rest, STDIO_CHUNK);
	buf_init(&s->out.rest, STDIO_CHUNK);
	buf_init(&s->err.rest, STDIO_CHUNK);
}

static int open_all(struct stdio *s, const struct stdio_params *p, struct error *e)
{
	struct sink_fds fds = { .in = -1, .out = -1, .err = -1 };
	int r;

	s->stall.fd = timer_open(e);
	if (s->stall.fd < 0)
		return s->stall.fd;
	s->settle.fd = timer_open(e);
	if (s->settle.fd < 0)
		return s->settle.fd;
	r = sink_open(&p->paths, p->container_id, p->namespace_, &fds, &s->logger, e);
	if (r < 0)
		return r;
	s->in.io.fd = fds.in;
	s->out.io.fd = fds.out;
	s->err.io.fd = fds.err;
	s->out.has_no_reader = fds.out_has_no_reader;
	s->err.has_no_reader = fds.err_has_no_reader;
	return 0;
}

int stdio_open(const struct stdio_params *params, struct stdio **ret_stdio, struct error *e)
{
	struct stdio *s = xcalloc(1, sizeof(*s));
	int r;

	stdio_init(s, params);
	r = open_all(s, params, e);
	if (r < 0) {
		stdio_free(s);
		return r;
	}
	*ret_stdio = s;
	return 0;
}

void stdio_start(struct stdio *s, struct rpc_client *rpc, void (*ended)(void *arg), void *arg)
{
	struct error e;

	s->rpc = rpc;
	s->ended = ended;
	s->arg = arg;
	if (loop_add(s->loop, &s->stall, EPOLLIN, &e) < 0 ||
	    loop_add(s->loop, &s->settle, EPOLLIN, &e) < 0)
		log_warn("the end of the output may not be noticed: %s", e.msg);
	if (s->in.io.fd < 0)
		input_close(&s->in);
	else
		input_ready(&s->in.io, 0);
	output_read(&s->out);
	output_read(&s->err);
}

void stdio_close_input(struct stdio *s)
{
	s->in.must_close = true;
	if (s->rpc && !s->in.in_flight && !s->in.is_closed)
		input_ready(&s->in.io, 0);
}

void stdio_expect_end(struct stdio *s)
{
	if (s->out.has_ended && s->err.has_ended)
		return;
	s->moved_before = s->moved;
	timer_arm(s->stall.fd, STALL_MS, 0);
}

void stdio_end_outputs(struct stdio *s)
{
	output_end(&s->out);
	output_end(&s->err);
}

void stdio_detach(struct stdio *s)
{
	s->is_detached = true;
	input_abandon(&s->in, "the sandbox has ended");
}

void stdio_free(struct stdio *s)
{
	if (!s)
		return;
	s->ended = NULL;
	close_stream(s, &s->in.io, &s->in.is_watched);
	close_stream(s, &s->out.io, &s->out.is_watched);
	close_stream(s, &s->err.io, &s->err.is_watched);
	s->in.is_closed = s->out.has_ended = s->err.has_ended = true;
	if (s->rpc) {
		loop_del(s->loop, &s->stall);
		loop_del(s->loop, &s->settle);
	}
	s->stall.fd = close_fd(s->stall.fd);
	s->settle.fd = close_fd(s->settle.fd);
	sink_free(TAKE_PTR(s->logger), s->loop);
	s->is_freed = true;
	release(s);
}
