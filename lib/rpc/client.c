/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - the calling side of ttRPC.
 *
 * A call is a frame in a queue and an entry in a list, both guarded by one lock; the io thread does
 * all reading and writing.  An answer to a blocking call is copied and decoded by whoever waits for
 * it, so a large one holds up nobody else; an asynchronous call takes it where it lies.  A caller
 * that gives up takes its entry out of the list; an answer that comes later finds nobody and is
 * dropped, as the protocol has no way to call a call off.  What a peer says about a failure is cut
 * to printable text before anyone logs it.
 */

#include "lib/rpc/client.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/rpc/conn.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/ttrpc.pb-c.h"
#include "lib/str.h"

#define REQUEST_PAYLOAD 3 /* the number of that field of a Ttrpc__Request */

struct call {
	struct call *next;
	uint32_t stream;
	const struct rpc_call *kind;
	uint64_t since_ms; /* when it was made */
	bool is_async;
	void (*done)(void *arg, void *out, const struct error *error);
	void *arg;
	int answered_fd; /* of a blocking one: readable when it is answered */
	bool is_answered;
	const uint8_t *answer; /* a Ttrpc__Response; NULL: failure says why there is none */
	uint8_t *copy;         /* of it, for a blocking call: the frame is gone when it looks */
	size_t answer_len;
	struct error failure;
};

struct rpc_client {
	struct loop *loop;
	struct conn conn;
	struct io wake; /* readable when the queue or is_closing changed */
	bool has_ended;
	struct error why; /* it has */
	void (*closed)(void *arg, const struct error *why);
	void *closed_arg;
	void (*took)(void *arg, const struct rpc_call *call, uint64_t ms);
	void *took_arg;
	pthread_mutex_t lock; /* guards what follows, and the blocking calls in the list */
	struct call *calls;
	struct buf queue;
	uint32_t last_stream;
	bool has_no_stream; /* nor will have */
	bool is_closing;
};

static void wake(struct rpc_client *client)
{
	uint64_t one = 1;

	(void)!write(client->wake.fd, &one, sizeof(one));
}

/* Called with the lock held. */
static bool unlink_call(struct rpc_client *client, const struct call *call)
{
	for (struct call **p = &client->calls; *p; p = &(*p)->next) {
		if (*p != call)
			continue;
		*p = call->next;
		return true;
	}
	return false;
}

/* Called with the lock held; returns the call taken out of the list. */
static struct call *find_call(struct rpc_client *client, uint32_t stream)
{
	for (struct call *call = client->calls; call; call = call->next)
		if (call->stream == stream && unlink_call(client, call))
			return call;
	return NULL;
}

static int check_status(const Ttrpc__Response *response, struct error *e)
{
	const Rpc__Status *status = response->status;
	int r;

	if (!status || status->code == RPC_OK)
		return 0;
	r = fail(e, rpc_errno_of(status->code), "%s",
		 str_empty(status->message) ? rpc_status_text(status->code) : status->message);
	str_make_printable(e->msg);
	return r;
}

/* Decodes what came for CALL; RET_OUT may be NULL. */
static int decode(const struct call *call, void *ret_out, struct error *e)
{
	_message_ Ttrpc__Response *response = NULL;
	void *out;
	int r;

	if (!call->answer) {
		*e = call->failure;
		return -e->code;
	}
	r = message_unpack(&ttrpc__response__descriptor, call->answer, call->answer_len, &response,
			   e);
	if (r < 0)
		return fail_wrap(e, "answer to '%s'", call->kind->name);
	r = check_status(response, e);
	if (r < 0)
		return r;
	r = message_unpack(call->kind->out, response->payload.data, response->payload.len, &out, e);
	if (r < 0)
		return fail_wrap(e, "answer to '%s'", call->kind->name);
	if (ret_out)
		*(void **)ret_out = out;
	else
		message_free(out);
	return 0;
}

/* Ends an asynchronous call, whose answer is not its own. */
static void finish(struct call *call)
{
	_message_ void *out = NULL;
	struct error e;

	if (decode(call, &out, &e) < 0)
		call->done(call->arg, NULL, &e);
	else
		call->done(call->arg, out, NULL);
	free(call);
}

/* Gives CALL, taken out of the list, to who waits for it.  Called with the lock held: a blocking
 * caller may leave, and its call with it, as soon as that is released. */
static void settle(struct call *call)
{
	uint64_t one = 1;

	call->is_answered = true;
	if (!call->is_async)
		(void)!write(call->answered_fd, &one, sizeof(one));
}

static void on_frame(struct conn *conn, const struct ttrpc_frame *frame)
{
	struct rpc_client *client = CONTAINER_OF(conn, struct rpc_client, conn);
	const struct rpc_call *kind = NULL;
	uint64_t since_ms = 0;
	struct call *call;
	bool is_async = false;

	if (frame->type != TTRPC_RESPONSE)
		return;
	(void)pthread_mutex_lock(&client->lock);
	call = find_call(client, frame->stream);
	if (call) {
		kind = call->kind;
		since_ms = call->since_ms;
		is_async = call->is_async;
		call->answer_len = frame->len;
		if (!is_async)
			call->copy = xmemdup(frame->data, frame->len);
		call->answer = is_async ? frame->data : call->copy;
		settle(call);
	}
	(void)pthread_mutex_unlock(&client->lock);
	if (kind && client->took)
		client->took(client->took_arg, kind, now_ms() - since_ms);
	if (is_async)
		finish(call);
}

static void on_oversized(struct conn *conn, const struct ttrpc_frame *frame, const struct error *e)
{
	struct rpc_client *client = CONTAINER_OF(conn, struct rpc_client, conn);
	struct call *call;
	bool is_async = false;

	(void)pthread_mutex_lock(&client->lock);
	call = find_call(client, frame->stream);
	if (call) {
		is_async = call->is_async;
		call->failure = *e;
		(void)fail_wrap(&call->failure, "answer to '%s'", call->kind->name);
		settle(call);
	}
	(void)pthread_mutex_unlock(&client->lock);
	if (is_async)
		finish(call);
}

/* Takes one call out of the list that must fail because the stream has ended; NULL: none is left.
 */
static struct call *fail_call(struct rpc_client *client, const struct error *e)
{
	struct call *call;

	(void)pthread_mutex_lock(&client->lock);
	do {
		call = client->calls;
		if (!call)
			break;
		client->calls = call->next;
		(void)fail(&call->failure, ECONNRESET, "'%s' has no answer: %s", call->kind->name,
			   e->msg);
		settle(call);
	} while (!call->is_async);
	(void)pthread_mutex_unlock(&client->lock);
	return call;
}

/* One call at a time: each DONE may make us forget others. */
static void end(struct rpc_client *client, const struct error *e)
{
	struct call *call;

	(void)pthread_mutex_lock(&client->lock);
	client->is_closing = true;
	buf_consume(&client->queue, client->queue.len);
	(void)pthread_mutex_unlock(&client->lock);
	conn_close(&client->conn);
	client->why = *e;
	client->has_ended = true;
	do {
		call = fail_call(client, e);
		if (call)
			finish(call);
	} while (call);
}

/* Last in every path: the client may be gone when it returns. */
static void notify(struct rpc_client *client)
{
	void (*closed)(void *, const struct error *) = client->closed;
	struct error why = client->why;

	if (!client->has_ended || !closed)
		return;
	client->closed = NULL;
	closed(client->closed_arg, &why);
}

static void on_ended(struct conn *conn, const struct error *e)
{
	struct rpc_client *client = CONTAINER_OF(conn, struct rpc_client, conn);

	end(client, e);
	notify(client);
}

static const struct conn_ops ops = { on_frame, on_oversized, on_ended };

/* Moves the queue to the output of the stream; an empty output takes it over whole. */
static int take_queue(struct rpc_client *client, struct error *e)
{
	struct buf *out = &client->conn.out, *queue = &client->queue, taken;
	int r;

	if (!out->len) {
		taken = *out;
		*out = *queue;
		out->max = taken.max;
		taken.max = queue->max;
		*queue = taken;
		return 0;
	}
	r = buf_add(out, queue->data, queue->len, e);
	buf_consume(queue, queue->len);
	return r;
}

static void woken(struct io *io, uint32_t events)
{
	struct rpc_client *client = CONTAINER_OF(io, struct rpc_client, wake);
	struct error e;
	uint64_t count;
	int r = 0;

	(void)events;
	(void)!read(io->fd, &count, sizeof(count));
	if (client->has_ended)
		return;
	(void)pthread_mutex_lock(&client->lock);
	if (client->has_no_stream)
		r = fail(&e, EOVERFLOW, "the connection has no stream left");
	else if (client->is_closing)
		r = fail(&e, ECONNRESET, "the connection was closed");
	else
		r = take_queue(client, &e);
	(void)pthread_mutex_unlock(&client->lock);
	if (r < 0) {
		end(client, &e);
		notify(client);
	} else {
		conn_flush(&client->conn);
	}
}

/* Bytes of the request of KIND with TIMEOUT_NANO (0: none). */
static size_t pack_request(const struct rpc_call *kind, const void *in, int64_t timeout_nano,
			   uint8_t **ret_bytes)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	_free_ char *service = xstrdup(kind->service);
	_free_ char *method = xstrdup(kind->name);

	request.service = service;
	request.method = method;
	request.timeout_nano = timeout_nano;
	return message_pack_in(&request, REQUEST_PAYLOAD, in, ret_bytes);
}

/* Called with the lock held. */
static int queue_call(struct rpc_client *client, struct call *call, const uint8_t *bytes,
		      size_t len, struct error *e)
{
	uint32_t stream;
	int r;

	if (client->is_closing)
		return fail(e, ECONNRESET, "'%s': the connection is closed", call->kind->name);
	call->since_ms = now_ms();
	stream = ttrpc_take_stream(&client->last_stream);
	/* Nothing can be said any more, not even that a process shall end. */
	if (!stream) {
		client->is_closing = client->has_no_stream = true;
		wake(client);
		return fail(e, EOVERFLOW, "'%s': the connection has no stream left",
			    call->kind->name);
	}
	r = ttrpc_add(&client->queue, stream, TTRPC_REQUEST, 0, bytes, len, e);
	if (r < 0)
		return fail_wrap(e, "request of '%s'", call->kind->name);
	call->stream = stream;
	call->next = client->calls;
	client->calls = call;
	wake(client);
	return 0;
}

static int send_call(struct rpc_client *client, struct call *call, const void *in,
		     int64_t timeout_nano, struct error *e)
{
	_free_ uint8_t *bytes = NULL;
	size_t len = pack_request(call->kind, in, timeout_nano, &bytes);
	int r;

	(void)pthread_mutex_lock(&client->lock);
	r = queue_call(client, call, bytes, len, e);
	(void)pthread_mutex_unlock(&client->lock);
	return r;
}

/* At least one nanosecond, because none means no deadline. */
static int64_t timeout_of(uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (deadline_ms == NO_DEADLINE)
		return 0;
	if (deadline_ms <= now)
		return 1;
	return (int64_t)(min_u64(deadline_ms - now, INT64_MAX / 1000000) * 1000000);
}

/* Waits for CALL; it is out of the list afterwards. */
static int await(struct rpc_client *client, struct call *call, uint64_t deadline_ms,
		 const struct cancel *cancel, struct error *e)
{
	int r = wait_fd(call->answered_fd, POLLIN, call->kind->name, deadline_ms, cancel, e);

	(void)pthread_mutex_lock(&client->lock);
	if (call->is_answered)
		r = 0;
	else
		(void)unlink_call(client, call);
	(void)pthread_mutex_unlock(&client->lock);
	return r < 0 ? r : 0;
}

int rpc_call(struct rpc_client *client, const struct rpc_call *kind, const void *in, void *ret_out,
	     uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_close_ int answered_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct call call = { .kind = kind, .answered_fd = answered_fd };
	int r;

	if (answered_fd < 0)
		return fail(e, errno, "cannot make an eventfd: %m");
	r = send_call(client, &call, in, timeout_of(deadline_ms), e);
	if (r < 0)
		return r;
	r = await(client, &call, deadline_ms, cancel, e);
	if (r >= 0)
		r = decode(&call, ret_out, e);
	free(call.copy);
	return r;
}

int rpc_call_async_within(struct rpc_client *client, const struct rpc_call *kind, const void *in,
			  uint64_t deadline_ms,
			  void (*done)(void *arg, void *out, const struct error *error), void *arg,
			  struct error *e)
{
	_free_ struct call *call = xcalloc(1, sizeof(*call));
	int r;

	call->kind = kind;
	call->is_async = true;
	call->done = done;
	call->arg = arg;
	r = send_call(client, call, in, timeout_of(deadline_ms), e);
	if (r >= 0)
		(void)TAKE_PTR(call);
	return r;
}

int rpc_call_async(struct rpc_client *client, const struct rpc_call *kind, const void *in,
		   void (*done)(void *arg, void *out, const struct error *error), void *arg,
		   struct error *e)
{
	return rpc_call_async_within(client, kind, in, NO_DEADLINE, done, arg, e);
}

void rpc_call_forget(struct rpc_client *client, const void *arg)
{
	struct call *call, **p = &client->calls;

	(void)pthread_mutex_lock(&client->lock);
	while (*p) {
		call = *p;
		if (!call->is_async || call->arg != arg) {
			p = &call->next;
			continue;
		}
		*p = call->next;
		free(call);
	}
	(void)pthread_mutex_unlock(&client->lock);
}

struct rpc_client *rpc_client_new(struct loop *loop, int own_fd, struct error *e)
{
	_close_ int fd = own_fd;
	_cleanup_(rpc_client_freep) struct rpc_client *client = xcalloc(1, sizeof(*client));

	client->loop = loop;
	client->has_ended = true;
	client->is_closing = true;
	buf_init(&client->queue, WIRE_CALL_BYTES_MAX);
	(void)pthread_mutex_init(&client->lock, NULL);
	client->wake = (struct io){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = woken };
	if (client->wake.fd < 0) {
		(void)fail(e, errno, "cannot make an eventfd: %m");
		return NULL;
	}
	if (loop_add(loop, &client->wake, EPOLLIN, e) < 0)
		return NULL;
	client->has_ended = false;
	client->is_closing = false;
	if (conn_open(&client->conn, loop, TAKE_FD(fd), &ops, e) < 0) {
		client->has_ended = true;
		return NULL;
	}
	return TAKE_PTR(client);
}

void rpc_client_free(struct rpc_client *client)
{
	struct error e;

	if (!client)
		return;
	client->closed = NULL;
	if (!client->has_ended) {
		(void)fail(&e, ECONNRESET, "the connection was closed");
		end(client, &e);
	}
	loop_del(client->loop, &client->wake);
	(void)close_fd(client->wake.fd);
	(void)pthread_mutex_destroy(&client->lock);
	buf_done(&client->queue);
	free(client);
}

void rpc_client_on_close(struct rpc_client *client,
			 void (*closed)(void *arg, const struct error *why), void *arg)
{
	client->closed = closed;
	client->closed_arg = arg;
	notify(client);
}

void rpc_client_observe(struct rpc_client *client,
			void (*took)(void *arg, const struct rpc_call *call, uint64_t ms),
			void *arg)
{
	client->took = took;
	client->took_arg = arg;
}

void rpc_client_close(struct rpc_client *client)
{
	(void)pthread_mutex_lock(&client->lock);
	client->is_closing = true;
	(void)pthread_mutex_unlock(&client->lock);
	wake(client);
}
