/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rpc_server - a server on one end of a socket pair, peers good and bad on the other.
 *
 * The loop runs on a thread of its own; the test is the peer.
 */

#include "tests/unit/unit.h"

#include <poll.h>

#include "lib/rpc/conn.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/rpc/server.h"
#include "lib/sock.h"
#include "lib/str.h"
#include "tests/unit/rpc-peer.h"

struct fixture {
	struct peer_loop io;
	struct work_pool *pool;
	struct work_queue *queue;
	struct rpc_server *server;
	struct cancel gate;   /* raised by the test: lets "Slow" go */
	struct cancel closed; /* raised when a connection has ended */
	struct cancel parked; /* raised when "Park" has been called */
	_Atomic(struct rpc_request *) parked_request;
	int fd; /* the peer's end */
	char address[64];
};

static int echo(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Pb__Any *from = in;
	Pb__Any *to = out;

	(void)req;
	(void)e;
	to->type_url = xstrdup(from->type_url);
	if (from->value.len)
		to->value.data = xmemdup(from->value.data, from->value.len);
	to->value.len = from->value.len;
	return 0;
}

static int refuse(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	return fail(e, ENOENT, "no container 'c1'");
}

/* Fails without saying why. */
static int mute(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	(void)e;
	return -EINVAL;
}

static int slow(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct fixture *f = rpc_context(req);
	int r = wait_fd(f->gate.fd, POLLIN, "gate", NO_DEADLINE, rpc_cancel(req), e);

	return r < 0 ? r : echo(req, in, out, e);
}

static int park(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct fixture *f = rpc_context(req);

	(void)in;
	(void)out;
	(void)e;
	(void)rpc_defer(req);
	f->parked_request = req;
	cancel_raise(&f->parked);
	return RPC_DEFERRED;
}

/* Answers before it has said that it defers. */
static int park_and_answer(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)out;
	(void)e;
	(void)rpc_defer(req);
	rpc_reply(req, in);
	return RPC_DEFERRED;
}

static int huge(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	Pb__Any *to = out;

	(void)req;
	(void)in;
	(void)e;
	to->value.len = 5 * MIB;
	to->value.data = xcalloc(1, to->value.len);
	return 0;
}

#define METHOD(name, where, handler)                                                    \
	{                                                                               \
		"t.T", name, &pb__any__descriptor, &pb__any__descriptor, where, handler \
	}

static const struct rpc_method methods[] = {
	METHOD("Echo", RPC_INLINE, echo),     METHOD("EchoAtWork", RPC_WORK, echo),
	METHOD("Refuse", RPC_WORK, refuse),   METHOD("Mute", RPC_INLINE, mute),
	METHOD("Slow", RPC_WORK, slow),       METHOD("Park", RPC_INLINE, park),
	METHOD("ParkAtWork", RPC_WORK, park), METHOD("ParkAndAnswer", RPC_WORK, park_and_answer),
	METHOD("Huge", RPC_INLINE, huge),
};

static const struct rpc_alias aliases[] = { { "t.v3.T", "t.T" } };

/* Calls of the type "ordered" run one after another. */
static struct work_queue *queue_of(void *context, const struct rpc_method *method, const void *in)
{
	struct fixture *f = context;
	const Pb__Any *any = in;

	(void)method;
	return str_equal(any->type_url, "ordered") ? f->queue : NULL;
}

static void closed(void *context)
{
	cancel_raise(&((struct fixture *)context)->closed);
}

static int make(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct rpc_service service = {
		.methods = methods,
		.n_methods = ARRAY_SIZE(methods),
		.aliases = aliases,
		.n_aliases = ARRAY_SIZE(aliases),
		.queue_of = queue_of,
		.context = f,
		.closed = closed,
	};
	struct error e;
	int fds[2];

	*state = f;
	assert_return_code(cancel_init(&f->gate, &e), 0);
	assert_return_code(cancel_init(&f->closed, &e), 0);
	assert_return_code(cancel_init(&f->parked, &e), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	f->io.loop = loop_new(&e);
	f->pool = work_pool_new(f->io.loop, 8, 256 * KIB);
	f->queue = work_queue_new(f->pool);
	f->server = rpc_server_new(f->io.loop, f->pool, &service, &e);
	assert_non_null(f->server);
	f->fd = fds[0];
	assert_return_code(rpc_server_serve(f->server, fds[1], &e), 0);
	return 0;
}

static int setup(void **state)
{
	int r = make(state);

	peer_loop_start(&((struct fixture *)*state)->io);
	return r;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cancel_raise(&f->gate);
	peer_loop_end(&f->io);
	work_pool_stop(f->pool);
	rpc_server_free(f->server);
	work_queue_free(f->queue);
	work_pool_free(f->pool);
	loop_free(f->io.loop);
	f->fd = close_fd(f->fd);
	cancel_done(&f->gate);
	cancel_done(&f->closed);
	cancel_done(&f->parked);
	free(f);
	return 0;
}

struct request {
	const char *service;
	const char *method;
	const char *text;
	size_t n_value;
	int64_t timeout_nano;
	const char *traceparent;
};

static size_t pack(const struct request *r, uint8_t **ret_bytes)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	Ttrpc__KeyValue entry = TTRPC__KEY_VALUE__INIT, *entries[] = { &entry };
	Pb__Any any = PB__ANY__INIT;
	_free_ char *service = xstrdup(r->service ? r->service : "t.T");
	_free_ char *method = xstrdup(r->method);
	_free_ char *text = xstrdup(r->text ? r->text : "");
	_free_ char *value = xstrdup(r->traceparent ? r->traceparent : "");
	_free_ char *key = xstrdup("traceparent");
	_free_ uint8_t *payload = NULL;
	_free_ uint8_t *data = xcalloc(1, r->n_value + 1);

	any.type_url = text;
	any.value.data = data;
	any.value.len = r->n_value;
	request.service = service;
	request.method = method;
	request.timeout_nano = r->timeout_nano;
	request.payload.len = message_pack(&any, &payload);
	request.payload.data = payload;
	entry.key = key;
	entry.value = value;
	request.metadata = entries;
	request.n_metadata = r->traceparent ? 1 : 0;
	return message_pack(&request, ret_bytes);
}

static void send_request(const struct fixture *f, uint32_t stream, struct request r)
{
	_free_ uint8_t *bytes = NULL;
	size_t len = pack(&r, &bytes);

	peer_frame(f->fd, stream, TTRPC_REQUEST, 0, bytes, len);
}

struct answer {
	uint32_t stream;
	int status;
	char *message;
	Pb__Any *out;
};

static void answer_done(struct answer *a)
{
	free(a->message);
	message_free(a->out);
}
#define _answer_ _cleanup_(answer_done)

static struct answer get_answer(const struct fixture *f)
{
	_message_ Ttrpc__Response *response = NULL;
	_free_ uint8_t *data = NULL;
	struct answer a = { .status = 0 };
	struct ttrpc_frame frame;
	struct error e;

	assert_true(peer_read_frame(f->fd, &frame, &data));
	assert_int_equal(frame.type, TTRPC_RESPONSE);
	assert_int_equal(frame.flags, 0);
	assert_return_code(
		message_unpack(&ttrpc__response__descriptor, data, frame.len, &response, &e), 0);
	a.stream = frame.stream;
	a.message = xstrdup(response->status ? response->status->message : "");
	a.status = response->status ? response->status->code : 0;
	if (!a.status)
		assert_return_code(message_unpack(&pb__any__descriptor, response->payload.data,
						  response->payload.len, &a.out, &e),
				   0);
	return a;
}

static void expect_text(const struct fixture *f, uint32_t stream, const char *text)
{
	_answer_ struct answer a = get_answer(f);

	assert_int_equal(a.stream, stream);
	assert_string_equal(a.message, "");
	assert_string_equal(a.out->type_url, text);
}

static void expect_status(const struct fixture *f, uint32_t stream, int status, const char *message)
{
	_answer_ struct answer a = get_answer(f);

	assert_int_equal(a.stream, stream);
	assert_int_equal(a.status, status);
	assert_string_equal(a.message, message);
}

static void expect_raised(const struct cancel *c)
{
	struct error e;

	assert_true(wait_fd(c->fd, POLLIN, "event", deadline_in(PEER_PATIENCE_MS), NULL, &e) > 0);
}

static void test_call_inline_is_answered(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 1, "a");
}

static void test_call_at_work_is_answered(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "EchoAtWork", .text = "a" });
	expect_text(f, 1, "a");
	send_request(f, 3, (struct request){ .method = "EchoAtWork", .text = "ordered" });
	expect_text(f, 3, "ordered");
}

static void test_call_by_alias_is_answered(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .service = "t.v3.T", .method = "Echo", .text = "a" });
	expect_text(f, 1, "a");
}

static void test_call_that_fails_gets_status_and_message(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Refuse" });
	expect_status(f, 1, RPC_NOT_FOUND, "no container 'c1'");
	send_request(f, 3, (struct request){ .method = "Mute" });
	expect_status(f, 3, RPC_INTERNAL, "the handler gave no reason");
}

static void test_unknown_names_are_unimplemented(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Nope" });
	expect_status(f, 1, RPC_UNIMPLEMENTED, "service 't.T' has no method 'Nope'");
	send_request(f, 3, (struct request){ .service = "x.X", .method = "Echo" });
	expect_status(f, 3, RPC_UNIMPLEMENTED, "no service 'x.X' here");
}

static void test_fast_call_overtakes_slow_one(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Slow", .text = "slow" });
	send_request(f, 3, (struct request){ .method = "EchoAtWork", .text = "fast" });
	expect_text(f, 3, "fast");
	cancel_raise(&f->gate);
	expect_text(f, 1, "slow");
}

static void test_stream_ids_are_odd_and_not_in_use(void **state)
{
	struct fixture *f = *state;

	send_request(f, 2, (struct request){ .method = "Echo" });
	expect_status(f, 2, RPC_INVALID_ARGUMENT, "stream 2 is not one of a client: it is even");
	send_request(f, 5, (struct request){ .method = "Slow", .text = "slow" });
	send_request(f, 5, (struct request){ .method = "Echo" });
	expect_status(f, 5, RPC_INVALID_ARGUMENT, "stream 5 is under way already");
	cancel_raise(&f->gate);
	expect_text(f, 5, "slow");
}

/* As a client with several threads sends them: it takes the numbers in order. */
static void test_stream_ids_in_any_order_are_served(void **state)
{
	struct fixture *f = *state;

	send_request(f, 5, (struct request){ .method = "Slow", .text = "slow" });
	send_request(f, 3, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 3, "a");
	send_request(f, 1, (struct request){ .method = "EchoAtWork", .text = "b" });
	expect_text(f, 1, "b");
	cancel_raise(&f->gate);
	expect_text(f, 5, "slow");
}

static void test_malformed_request_is_invalid_and_connection_goes_on(void **state)
{
	struct fixture *f = *state;
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	uint8_t junk[] = { 0x0a, 0x7f };
	char service[] = "t.T", method[] = "Echo";
	_free_ uint8_t *bytes = NULL;
	size_t len;

	peer_frame(f->fd, 1, TTRPC_REQUEST, 0, junk, sizeof(junk));
	expect_status(f, 1, RPC_INVALID_ARGUMENT, "2 bytes are not a ttrpc.Request");
	request.service = service;
	request.method = method;
	request.payload = (ProtobufCBinaryData){ sizeof(junk), junk };
	len = message_pack(&request, &bytes);
	peer_frame(f->fd, 3, TTRPC_REQUEST, 0, bytes, len);
	expect_status(f, 3, RPC_INVALID_ARGUMENT,
		      "request of 'Echo': 2 bytes are not a google.protobuf.Any");
	send_request(f, 5, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 5, "a");
}

static void test_oversized_request_is_skipped_and_answered(void **state)
{
	struct fixture *f = *state;
	const uint32_t len = 5 * MIB;
	_free_ uint8_t *zeros = xcalloc(1, len);

	peer_header(f->fd, 1, TTRPC_REQUEST, len);
	peer_send(f->fd, zeros, len);
	expect_status(f, 1, RPC_RESOURCE_EXHAUSTED,
		      "message of 5242880 bytes exceeds the limit of 4194304");
	send_request(f, 3, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 3, "a");
}

static void test_largest_request_passes(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Echo", .n_value = 4 * MIB - 2 * KIB });
	expect_text(f, 1, "");
}

static void test_answer_that_is_too_large_is_a_status(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Huge" });
	expect_status(f, 1, RPC_RESOURCE_EXHAUSTED,
		      "answer to 'Huge' is larger than a message can be");
}

static void test_bytes_one_at_a_time_are_put_together(void **state)
{
	struct fixture *f = *state;
	struct request r = { .method = "Echo", .text = "a" };
	_free_ uint8_t *bytes = NULL;
	size_t len = pack(&r, &bytes);

	peer_header(f->fd, 1, TTRPC_REQUEST, (uint32_t)len);
	for (size_t i = 0; i < len; i++)
		peer_send(f->fd, bytes + i, 1);
	expect_text(f, 1, "a");
}

static void test_other_protocol_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	char byte;

	peer_send(f->fd, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_false(peer_receive(f->fd, &byte, 1));
	expect_raised(&f->closed);
}

static void test_frames_of_other_types_are_ignored(void **state)
{
	struct fixture *f = *state;

	peer_frame(f->fd, 1, TTRPC_RESPONSE, 0, "x", 1);
	peer_frame(f->fd, 1, 77, 0xff, "x", 1);
	send_request(f, 1, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 1, "a");
}

static void test_stream_of_messages_is_refused(void **state)
{
	struct fixture *f = *state;
	struct request r = { .method = "Echo" };
	_free_ uint8_t *bytes = NULL;
	size_t len = pack(&r, &bytes);

	peer_frame(f->fd, 1, TTRPC_REQUEST, TTRPC_REMOTE_OPEN, bytes, len);
	expect_status(f, 1, RPC_UNIMPLEMENTED, "'Echo' does not take a stream of messages");
	peer_frame(f->fd, 1, TTRPC_DATA, TTRPC_REMOTE_CLOSED | TTRPC_NO_DATA, "", 0);
	expect_status(f, 1, RPC_INVALID_ARGUMENT, "stream 1 takes no data");
}

static void test_deadline_is_kept_for_a_slow_handler(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Slow", .timeout_nano = 20000000 });
	expect_status(f, 1, RPC_DEADLINE_EXCEEDED, "'Slow' passed the deadline of its caller");
	cancel_raise(&f->gate);
	send_request(f, 3, (struct request){ .method = "Slow", .text = "a" });
	expect_text(f, 3, "a");
}

static void test_deadline_is_kept_for_a_parked_call(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Park", .timeout_nano = 1 });
	expect_status(f, 1, RPC_DEADLINE_EXCEEDED, "'Park' passed the deadline of its caller");
	expect_raised(&f->parked);
}

static void answer_parked(struct fixture *f)
{
	Pb__Any out = PB__ANY__INIT;
	char text[] = "late";

	out.type_url = text;
	rpc_reply(f->parked_request, &out);
}

static void test_parked_call_is_answered_from_another_thread(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Park" });
	expect_raised(&f->parked);
	send_request(f, 3, (struct request){ .method = "Echo", .text = "a" });
	expect_text(f, 3, "a");
	answer_parked(f);
	expect_text(f, 1, "late");
}

static void test_parked_at_work_may_be_answered_before_it_returns(void **state)
{
	struct fixture *f = *state;

	for (uint32_t stream = 1; stream < 200; stream += 2) {
		send_request(f, stream, (struct request){ .method = "ParkAndAnswer", .text = "a" });
		expect_text(f, stream, "a");
	}
}

static void test_parked_call_may_fail(void **state)
{
	struct fixture *f = *state;
	struct error e;

	send_request(f, 1, (struct request){ .method = "ParkAtWork" });
	expect_raised(&f->parked);
	(void)fail(&e, ECANCELED, "sandbox is going");
	rpc_reply_error(f->parked_request, &e);
	expect_status(f, 1, RPC_CANCELLED, "sandbox is going");
}

static void test_parked_call_outlives_its_connection(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Park" });
	expect_raised(&f->parked);
	f->fd = close_fd(f->fd);
	expect_raised(&f->closed);
	assert_true(cancel_is_raised(rpc_cancel(f->parked_request)));
	answer_parked(f);
}

static void test_work_is_cancelled_when_its_caller_goes(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Slow" });
	send_request(f, 3, (struct request){ .method = "Slow", .text = "ordered" });
	f->fd = close_fd(f->fd);
	expect_raised(&f->closed);
}

static void test_parked_call_never_answered_is_freed_with_the_server(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1, (struct request){ .method = "Park" });
	expect_raised(&f->parked);
}

static void test_too_many_requests_under_way_are_refused(void **state)
{
	struct fixture *f = *state;
	const uint32_t past = 2 * WIRE_CALLS_MAX + 1;

	for (uint32_t stream = 1; stream < past; stream += 2)
		send_request(f, stream, (struct request){ .method = "Slow" });
	send_request(f, past, (struct request){ .method = "Slow" });
	expect_status(f, past, RPC_RESOURCE_EXHAUSTED,
		      "1024 requests are under way on this connection");
	cancel_raise(&f->gate);
}

static struct answer ask(struct fixture *f, uint32_t stream)
{
	send_request(f, stream, (struct request){ .method = "Echo", .text = "a" });
	return get_answer(f);
}

static void expect_echo(struct fixture *f, uint32_t stream)
{
	_answer_ struct answer a = ask(f, stream);

	assert_int_equal(a.stream, stream);
	assert_int_equal(a.status, RPC_OK);
}

/* As many as the processes of a pod make: a signal to one of them must come through. */
static void test_calls_that_wait_keep_none_out_that_does_not(void **state)
{
	struct fixture *f = *state;
	const uint32_t past = 6 * WIRE_CALLS_MAX + 1;

	for (uint32_t stream = 1; stream < past; stream += 2)
		send_request(f, stream, (struct request){ .method = "Park" });
	expect_echo(f, past);
}

static void test_bytes_under_way_keep_no_small_call_out(void **state)
{
	struct fixture *f = *state;
	const struct request large = { .method = "Slow", .text = "a", .n_value = 3 * MIB };

	for (uint32_t stream = 1; stream <= 9; stream += 2)
		send_request(f, stream, large);
	expect_echo(f, 11);
}

static void test_too_many_bytes_under_way_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct request large = { .method = "Slow", .text = "a", .n_value = 3 * MIB };

	for (uint32_t stream = 1; stream <= 9; stream += 2)
		send_request(f, stream, large);
	send_request(f, 11, large);
	expect_status(f, 11, RPC_RESOURCE_EXHAUSTED,
		      "requests of 15728760 bytes are under way on this connection");
	cancel_raise(&f->gate);
	for (int i = 0; i < 5; i++) {
		_answer_ struct answer a = get_answer(f);

		assert_int_equal(a.status, RPC_OK);
	}
}

/* Sends what the server takes of LEN bytes; false when it takes no more for a while. */
static bool push(const struct fixture *f, const uint8_t *bytes, size_t len, size_t *sent)
{
	struct pollfd p = { .fd = f->fd, .events = POLLOUT };
	ssize_t n;

	while (*sent < len) {
		if (poll(&p, 1, 100) != 1)
			return false;
		n = send(f->fd, bytes + *sent, len - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			*sent += (size_t)n;
	}
	return true;
}

static void test_peer_that_does_not_read_is_not_read_from(void **state)
{
	struct fixture *f = *state;
	struct request r = { .method = "Echo", .text = "a", .n_value = 60 * KIB };
	const uint32_t last = 399;
	_free_ uint8_t *request = NULL;
	size_t len = pack(&r, &request), sent = 0;
	_buf_ struct buf all;
	struct error e;

	buf_init(&all, 32 * MIB);
	for (uint32_t stream = 1; stream <= last; stream += 2)
		assert_return_code(ttrpc_add(&all, stream, TTRPC_REQUEST, 0, request, len, &e), 0);
	/* A server that gets no processor takes no more for a while, too. */
	for (int i = 0; i < 100 && sent < 256 * KIB; i++)
		assert_false(push(f, all.data, all.len, &sent));
	assert_in_range(sent, 256 * KIB, 4 * MIB);
	for (uint32_t stream = 1; stream <= last; stream += 2) {
		expect_text(f, stream, "a");
		(void)push(f, all.data, min_size(sent + len, all.len), &sent);
	}
	assert_int_equal(sent, all.len);
}

static void test_request_with_metadata_is_answered_as_any(void **state)
{
	struct fixture *f = *state;

	send_request(f, 1,
		     (struct request){
			     .method = "Echo", .text = "hello", .traceparent = "00-ab-cd-01" });
	expect_text(f, 1, "hello");
}

static void test_truncated_request_ends_with_its_connection(void **state)
{
	struct fixture *f = *state;

	peer_header(f->fd, 1, TTRPC_REQUEST, 100);
	peer_send(f->fd, "part", 4);
	f->fd = close_fd(f->fd);
	expect_raised(&f->closed);
}

/* Before the loop runs, hence the other setup. */
static int setup_listener(void **state)
{
	struct fixture *f;
	struct sock_address address = { .kind = SOCK_KIND_UNIX };
	struct error e;
	int fd;

	if (make(state) < 0)
		return -1;
	f = *state;
	(void)snprintf(f->address, sizeof(f->address), "unix://@kata-test-%d", (int)getpid());
	assert_return_code(sock_parse(f->address, &address, &e), 0);
	fd = sock_listen(&address, &e);
	assert_return_code(fd, 0);
	assert_return_code(rpc_server_listen(f->server, fd, &e), 0);
	peer_loop_start(&f->io);
	return 0;
}

static int dial(const struct fixture *f)
{
	struct sock_address address;
	struct error e;
	int fd;

	assert_return_code(sock_parse(f->address, &address, &e), 0);
	fd = sock_connect(&address, deadline_in(PEER_PATIENCE_MS), NULL, &e);
	assert_return_code(fd, 0);
	return fd;
}

/* The fixture's own connection is one of them. */
static void test_listener_takes_as_many_as_it_may_and_the_next_when_one_goes(void **state)
{
	struct fixture *f = *state;
	int own = f->fd, fds[WIRE_RPC_PEERS_MAX];
	struct pollfd p;

	for (int i = 0; i < WIRE_RPC_PEERS_MAX; i++)
		fds[i] = dial(f);
	for (int i = 0; i < WIRE_RPC_PEERS_MAX - 1; i++) {
		f->fd = fds[i];
		send_request(f, 1, (struct request){ .method = "Echo", .text = "a" });
		expect_text(f, 1, "a");
	}
	f->fd = fds[WIRE_RPC_PEERS_MAX - 1];
	send_request(f, 1, (struct request){ .method = "Echo", .text = "last" });
	p = (struct pollfd){ .fd = f->fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 50), 0);
	(void)close(fds[0]);
	expect_text(f, 1, "last");
	f->fd = own;
	for (int i = 1; i < WIRE_RPC_PEERS_MAX; i++)
		(void)close(fds[i]);
}

/* A connection whose first frame is answered with more than the socket takes. */
struct flooded {
	struct conn conn;
	struct io timer;
	unsigned n_frames;
};

static void flood(struct conn *conn, const struct ttrpc_frame *frame)
{
	struct flooded *f = CONTAINER_OF(conn, struct flooded, conn);
	_free_ uint8_t *answer = xcalloc(1, 2 * MIB);
	struct error e;

	f->n_frames++;
	if (frame->stream == 1)
		assert_int_equal(ttrpc_add(&conn->out, 1, TTRPC_RESPONSE, 0, answer, 2 * MIB, &e),
				 0);
	loop_stop(conn->loop, 0);
}

static void no_end(struct conn *conn, const struct error *e)
{
	(void)conn;
	fail_msg("the stream has ended: %s", e->msg);
}

static void give_up(struct io *io, uint32_t events)
{
	(void)events;
	timer_read(io->fd);
	loop_stop(CONTAINER_OF(io, struct flooded, timer)->conn.loop, 0);
}

static void read_all_that_waits(struct conn *conn, int peer)
{
	static uint8_t bytes[64 * KIB];

	while (recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		conn_flush(conn);
	assert_int_equal(conn->out.len, 0);
}

/* The output is written by whoever has an answer, so the loop may never see it full. */
static void test_frames_that_waited_for_room_are_taken_when_an_answer_made_it(void **state)
{
	static const struct conn_ops conn_ops = { .frame = flood, .ended = no_end };
	struct error e;
	_cleanup_(loop_freep) struct loop *loop = loop_new(&e);
	struct flooded f = { .timer = { .fd = timer_open(&e), .ready = give_up } };
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(conn_open(&f.conn, loop, fds[0], &conn_ops, &e), 0);
	assert_int_equal(loop_add(loop, &f.timer, EPOLLIN, &e), 0);
	peer_frame(fds[1], 1, TTRPC_REQUEST, 0, "a", 1);
	peer_frame(fds[1], 3, TTRPC_REQUEST, 0, "b", 1);
	(void)loop_run(loop);
	assert_int_equal(f.n_frames, 1);
	read_all_that_waits(&f.conn, fds[1]);
	timer_arm(f.timer.fd, 2000, 0);
	(void)loop_run(loop);
	assert_int_equal(f.n_frames, 2);
	conn_close(&f.conn);
	loop_del(loop, &f.timer);
	(void)close(f.timer.fd);
	(void)close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_call_inline_is_answered),
		TEST(test_call_at_work_is_answered),
		TEST(test_call_by_alias_is_answered),
		TEST(test_call_that_fails_gets_status_and_message),
		TEST(test_unknown_names_are_unimplemented),
		TEST(test_fast_call_overtakes_slow_one),
		TEST(test_stream_ids_are_odd_and_not_in_use),
		TEST(test_stream_ids_in_any_order_are_served),
		TEST(test_malformed_request_is_invalid_and_connection_goes_on),
		TEST(test_oversized_request_is_skipped_and_answered),
		TEST(test_largest_request_passes),
		TEST(test_answer_that_is_too_large_is_a_status),
		TEST(test_bytes_one_at_a_time_are_put_together),
		TEST(test_other_protocol_ends_the_connection),
		TEST(test_frames_of_other_types_are_ignored),
		TEST(test_stream_of_messages_is_refused),
		TEST(test_deadline_is_kept_for_a_slow_handler),
		TEST(test_deadline_is_kept_for_a_parked_call),
		TEST(test_parked_call_is_answered_from_another_thread),
		TEST(test_parked_at_work_may_be_answered_before_it_returns),
		TEST(test_parked_call_may_fail),
		TEST(test_parked_call_outlives_its_connection),
		TEST(test_work_is_cancelled_when_its_caller_goes),
		TEST(test_parked_call_never_answered_is_freed_with_the_server),
		TEST(test_too_many_requests_under_way_are_refused),
		TEST(test_calls_that_wait_keep_none_out_that_does_not),
		TEST(test_bytes_under_way_keep_no_small_call_out),
		TEST(test_too_many_bytes_under_way_are_refused),
		TEST(test_peer_that_does_not_read_is_not_read_from),
		cmocka_unit_test(test_frames_that_waited_for_room_are_taken_when_an_answer_made_it),
		TEST(test_request_with_metadata_is_answered_as_any),
		TEST(test_truncated_request_ends_with_its_connection),
		cmocka_unit_test_setup_teardown(
			test_listener_takes_as_many_as_it_may_and_the_next_when_one_goes,
			setup_listener, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
