/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rpc_client - a client on one end of a socket pair, peers good and bad on the other.
 *
 * Three threads: the loop, the peer, which runs one script per test, and the test, which calls.
 */

#include "tests/unit/unit.h"

#include <stdatomic.h>

#include "lib/rpc/client.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/str.h"
#include "tests/unit/rpc-peer.h"

struct fixture;
typedef void script(struct fixture *f);

struct fixture {
	struct peer_loop io;
	struct rpc_client *client;
	int fd; /* the peer's end */
	pthread_t peer;
	script *script;
	struct cancel done; /* raised by what a test waits for */
	atomic_int n_done;
	atomic_int code; /* of the last asynchronous call */
	struct loop_task task;
};

static const struct rpc_call call_echo = { "t.T", "Echo", &pb__any__descriptor,
					   &pb__any__descriptor };

static void *peer_thread(void *arg)
{
	struct fixture *f = arg;

	f->script(f);
	return NULL;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;
	int fds[2];

	*state = f;
	assert_return_code(cancel_init(&f->done, &e), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	f->io.loop = loop_new(&e);
	f->fd = fds[0];
	f->client = rpc_client_new(f->io.loop, fds[1], &e);
	assert_non_null(f->client);
	return 0;
}

/* The loop starts with the peer, for tests that do something on the io thread before. */
static void start(struct fixture *f, script *peer)
{
	f->script = peer;
	peer_loop_start(&f->io);
	assert_int_equal(pthread_create(&f->peer, NULL, peer_thread, f), 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)pthread_join(f->peer, NULL);
	peer_loop_end(&f->io);
	rpc_client_free(f->client);
	loop_free(f->io.loop);
	f->fd = close_fd(f->fd);
	cancel_done(&f->done);
	free(f);
	return 0;
}

/* Reads one request; returns its stream. */
static uint32_t get_request(const struct fixture *f, Ttrpc__Request **ret_request)
{
	_message_ Ttrpc__Request *request = NULL;
	_free_ uint8_t *data = NULL;
	struct ttrpc_frame frame;
	struct error e;

	peer_check(peer_read_frame(f->fd, &frame, &data), "no request");
	peer_check(frame.type == TTRPC_REQUEST && frame.flags == 0, "not a unary request");
	peer_check(message_unpack(&ttrpc__request__descriptor, data, frame.len, &request, &e) >= 0,
		   "not a request");
	if (ret_request)
		*ret_request = TAKE_PTR(request);
	return frame.stream;
}

static void put_answer(const struct fixture *f, uint32_t stream, const char *text)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;
	_free_ char *copy = xstrdup(text);
	_free_ uint8_t *payload = NULL;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	any.type_url = copy;
	response.payload.len = message_pack(&any, &payload);
	response.payload.data = payload;
	len = message_pack(&response, &bytes);
	peer_frame(f->fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

static void put_status(const struct fixture *f, uint32_t stream, int code, const char *message)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Rpc__Status status = RPC__STATUS__INIT;
	_free_ char *copy = xstrdup(message);
	_free_ uint8_t *bytes = NULL;
	size_t len;

	status.code = code;
	status.message = copy;
	response.status = &status;
	len = message_pack(&response, &bytes);
	peer_frame(f->fd, stream, TTRPC_RESPONSE, 0, bytes, len);
}

static int call_until(struct fixture *f, uint64_t wait_ms, const struct cancel *cancel,
		      Pb__Any **ret_out, struct error *e)
{
	Pb__Any in = PB__ANY__INIT;
	char text[] = "question";

	in.type_url = text;
	return rpc_call(f->client, &call_echo, &in, ret_out, deadline_in(wait_ms), cancel, e);
}

static int call(struct fixture *f, Pb__Any **ret_out, struct error *e)
{
	return call_until(f, PEER_PATIENCE_MS, NULL, ret_out, e);
}

static void expect_error(struct fixture *f, int code, const char *message)
{
	struct error e;

	assert_int_equal(call(f, NULL, &e), -code);
	assert_string_equal(e.msg, message);
}

static void peer_answers(struct fixture *f)
{
	_message_ Ttrpc__Request *request = NULL;
	uint32_t stream = get_request(f, &request);

	peer_check(stream == 1, "first stream is not 1");
	peer_check(strcmp(request->service, "t.T") == 0, "wrong service");
	peer_check(strcmp(request->method, "Echo") == 0, "wrong method");
	peer_check(request->timeout_nano > 0, "no timeout");
	put_answer(f, stream, "answer");
}

static void test_call_is_answered(void **state)
{
	struct fixture *f = *state;
	_message_ Pb__Any *out = NULL;
	struct error e;

	start(f, peer_answers);
	assert_return_code(call(f, &out, &e), 0);
	assert_string_equal(out->type_url, "answer");
}

/* A server in Rust sends a status of zero beside the payload. */
static void peer_says_ok(struct fixture *f)
{
	put_status(f, get_request(f, NULL), RPC_OK, "");
}

static void test_call_with_status_ok_is_success(void **state)
{
	struct fixture *f = *state;
	_message_ Pb__Any *out = NULL;
	struct error e;

	start(f, peer_says_ok);
	assert_return_code(call(f, &out, &e), 0);
	assert_string_equal(out->type_url, "");
}

static void peer_refuses(struct fixture *f)
{
	put_status(f, get_request(f, NULL), RPC_NOT_FOUND, "no container\n\033[31m'c1'");
	put_status(f, get_request(f, NULL), -7, "odd");
}

static void test_status_becomes_errno_and_printable_message(void **state)
{
	struct fixture *f = *state;

	start(f, peer_refuses);
	expect_error(f, ENOENT, "no container ?[31m'c1'");
	expect_error(f, EREMOTEIO, "odd");
}

static void peer_lies_first(struct fixture *f)
{
	uint32_t stream = get_request(f, NULL);

	put_answer(f, stream + 2, "for nobody yet");
	put_answer(f, 0, "for nobody");
	put_answer(f, UINT32_MAX, "for nobody");
	peer_frame(f->fd, stream, TTRPC_REQUEST, 0, "x", 1);
	peer_frame(f->fd, stream, TTRPC_DATA, 0, "x", 1);
	peer_frame(f->fd, stream, 200, 0, "x", 1);
	put_answer(f, stream, "truth");
	put_answer(f, stream, "twice");
}

static void test_answers_nobody_waits_for_are_ignored(void **state)
{
	struct fixture *f = *state;
	_message_ Pb__Any *out = NULL;
	struct error e;

	start(f, peer_lies_first);
	assert_return_code(call(f, &out, &e), 0);
	assert_string_equal(out->type_url, "truth");
}

static void peer_answers_junk(struct fixture *f)
{
	static const uint8_t bad_payload[] = { 0x12, 2, 0x0a, 0x7f };

	peer_frame(f->fd, get_request(f, NULL), TTRPC_RESPONSE, 0, "\xff\xff", 2);
	peer_frame(f->fd, get_request(f, NULL), TTRPC_RESPONSE, 0, bad_payload,
		   sizeof(bad_payload));
	put_answer(f, get_request(f, NULL), "good again");
}

static void test_malformed_answer_fails_its_call_alone(void **state)
{
	struct fixture *f = *state;
	_message_ Pb__Any *out = NULL;
	struct error e;

	start(f, peer_answers_junk);
	expect_error(f, EBADMSG, "answer to 'Echo': 2 bytes are not a ttrpc.Response");
	expect_error(f, EBADMSG, "answer to 'Echo': 2 bytes are not a google.protobuf.Any");
	assert_return_code(call(f, &out, &e), 0);
	assert_string_equal(out->type_url, "good again");
}

static void peer_answers_too_much(struct fixture *f)
{
	const uint32_t len = 5 * MIB;
	_free_ uint8_t *zeros = xcalloc(1, len);

	peer_header(f->fd, get_request(f, NULL), TTRPC_RESPONSE, len);
	peer_send(f->fd, zeros, len);
	put_answer(f, get_request(f, NULL), "good again");
}

static void test_oversized_answer_fails_its_call_alone(void **state)
{
	struct fixture *f = *state;
	struct error e;

	start(f, peer_answers_too_much);
	expect_error(f, EMSGSIZE,
		     "answer to 'Echo': message of 5242880 bytes exceeds the limit of 4194304");
	assert_return_code(call(f, NULL, &e), 0);
}

static void peer_hangs_up(struct fixture *f)
{
	(void)get_request(f, NULL);
	(void)shutdown(f->fd, SHUT_RDWR);
}

static void test_hang_up_fails_calls_under_way_and_later(void **state)
{
	struct fixture *f = *state;

	start(f, peer_hangs_up);
	expect_error(f, ECONNRESET, "'Echo' has no answer: peer closed the connection");
	expect_error(f, ECONNRESET, "'Echo': the connection is closed");
}

static void peer_hangs_up_in_the_middle(struct fixture *f)
{
	uint32_t stream = get_request(f, NULL);

	peer_header(f->fd, stream, TTRPC_RESPONSE, 100);
	peer_send(f->fd, "part", 4);
	(void)shutdown(f->fd, SHUT_RDWR);
}

static void test_truncated_answer_fails_the_call(void **state)
{
	struct fixture *f = *state;

	start(f, peer_hangs_up_in_the_middle);
	expect_error(f, ECONNRESET, "'Echo' has no answer: peer closed the connection");
}

static void peer_speaks_http(struct fixture *f)
{
	(void)get_request(f, NULL);
	peer_send(f->fd, "HTTP/1.1 400 Bad Request\r\n", 26);
}

static void test_other_protocol_ends_the_connection(void **state)
{
	struct fixture *f = *state;

	start(f, peer_speaks_http);
	expect_error(f, ECONNRESET,
		     "'Echo' has no answer: peer does not speak ttrpc: a frame cannot begin with "
		     "0x48");
}

/* Answers the first call only when the second has come. */
static void peer_is_late(struct fixture *f)
{
	uint32_t first = get_request(f, NULL);
	uint32_t second = get_request(f, NULL);

	put_answer(f, first, "late");
	put_answer(f, second, "in time");
}

static void test_late_answer_finds_nobody(void **state)
{
	struct fixture *f = *state;
	_message_ Pb__Any *out = NULL;
	struct error e;

	start(f, peer_is_late);
	assert_int_equal(call_until(f, 10, NULL, NULL, &e), -ETIMEDOUT);
	assert_true(str_starts(e.msg, "Echo: timed out after "));
	assert_return_code(call(f, &out, &e), 0);
	assert_string_equal(out->type_url, "in time");
}

static void peer_is_silent(struct fixture *f)
{
	(void)get_request(f, NULL);
}

static void test_cancel_abandons_the_call(void **state)
{
	struct fixture *f = *state;
	struct cancel cancel;
	struct error e;

	assert_return_code(cancel_init(&cancel, &e), 0);
	cancel_raise(&cancel);
	start(f, peer_is_silent);
	assert_int_equal(call_until(f, PEER_PATIENCE_MS, &cancel, NULL, &e), -ECANCELED);
	cancel_done(&cancel);
}

static void peer_closes_our_client(struct fixture *f)
{
	(void)get_request(f, NULL);
	rpc_client_close(f->client);
}

static void test_close_from_another_thread_fails_the_call(void **state)
{
	struct fixture *f = *state;

	start(f, peer_closes_our_client);
	expect_error(f, ECONNRESET, "'Echo' has no answer: the connection was closed");
}

#define CALLERS 8
#define CALLS   50

static void peer_answers_backwards(struct fixture *f)
{
	uint32_t streams[CALLERS];

	for (int round = 0; round < CALLS; round++) {
		for (int i = 0; i < CALLERS; i++)
			streams[i] = get_request(f, NULL);
		for (int i = CALLERS; i-- > 0;)
			put_answer(f, streams[i], "answer");
	}
}

static void *caller(void *arg)
{
	struct fixture *f = arg;
	struct error e;

	for (int i = 0; i < CALLS; i++)
		peer_check(call(f, NULL, &e) == 0, e.msg);
	return NULL;
}

static void test_calls_of_many_threads_find_their_answers(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[CALLERS];

	start(f, peer_answers_backwards);
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller, f), 0);
	for (int i = 0; i < CALLERS; i++)
		(void)pthread_join(threads[i], NULL);
}

static void done(void *arg, void *out, const struct error *error)
{
	struct fixture *f = arg;

	f->code = error ? error->code : 0;
	peer_check(!!out == !error, "neither answer nor error");
	if (++f->n_done == 2)
		cancel_raise(&f->done);
}

/* Before the loop runs, hence as good as on the io thread. */
static void call_async_twice(struct fixture *f)
{
	Pb__Any in = PB__ANY__INIT;
	struct error e;

	for (int i = 0; i < 2; i++)
		assert_return_code(rpc_call_async(f->client, &call_echo, &in, done, f, &e), 0);
}

static void expect_done(struct fixture *f)
{
	struct error e;

	assert_true(wait_fd(f->done.fd, POLLIN, "done", deadline_in(PEER_PATIENCE_MS), NULL, &e) >
		    0);
}

static void peer_answers_two(struct fixture *f)
{
	put_answer(f, get_request(f, NULL), "answer");
	put_answer(f, get_request(f, NULL), "answer");
}

static void test_async_calls_are_answered(void **state)
{
	struct fixture *f = *state;

	call_async_twice(f);
	start(f, peer_answers_two);
	expect_done(f);
	assert_int_equal(f->code, 0);
}

static void test_async_calls_fail_when_the_peer_hangs_up(void **state)
{
	struct fixture *f = *state;

	call_async_twice(f);
	start(f, peer_hangs_up);
	expect_done(f);
	assert_int_equal(f->code, ECONNRESET);
}

/* Then a call that is answered shows that the loop has seen the others. */
static void test_forgotten_async_calls_are_silent(void **state)
{
	struct fixture *f = *state;
	struct error e;

	call_async_twice(f);
	rpc_call_forget(f->client, f);
	start(f, peer_answers_two);
	assert_int_equal(call_until(f, 10, NULL, NULL, &e), -ETIMEDOUT);
	assert_int_equal(f->n_done, 0);
}

static void free_client(void *arg, const struct error *why)
{
	struct fixture *f = arg;

	(void)why;
	rpc_client_free(f->client);
	f->client = NULL;
	cancel_raise(&f->done);
}

static void peer_closes(struct fixture *f)
{
	(void)shutdown(f->fd, SHUT_RDWR);
}

static void test_on_close_may_free_the_client(void **state)
{
	struct fixture *f = *state;

	rpc_client_on_close(f->client, free_client, f);
	start(f, peer_closes);
	expect_done(f);
}

static void late_on_close(struct loop_task *task)
{
	struct fixture *f = CONTAINER_OF(task, struct fixture, task);

	rpc_client_on_close(f->client, free_client, f);
}

static void test_on_close_after_the_end_is_called_at_once(void **state)
{
	struct fixture *f = *state;

	start(f, peer_hangs_up);
	expect_error(f, ECONNRESET, "'Echo' has no answer: peer closed the connection");
	f->task.run = late_on_close;
	loop_post(f->io.loop, &f->task);
	expect_done(f);
}

static void peer_does_nothing(struct fixture *f)
{
	(void)f;
}

static void test_free_fails_async_calls_under_way(void **state)
{
	struct fixture *f = *state;

	call_async_twice(f);
	rpc_client_free(TAKE_PTR(f->client));
	assert_int_equal(f->n_done, 2);
	assert_int_equal(f->code, ECONNRESET);
	start(f, peer_does_nothing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_call_is_answered),
		TEST(test_call_with_status_ok_is_success),
		TEST(test_status_becomes_errno_and_printable_message),
		TEST(test_answers_nobody_waits_for_are_ignored),
		TEST(test_malformed_answer_fails_its_call_alone),
		TEST(test_oversized_answer_fails_its_call_alone),
		TEST(test_hang_up_fails_calls_under_way_and_later),
		TEST(test_truncated_answer_fails_the_call),
		TEST(test_other_protocol_ends_the_connection),
		TEST(test_late_answer_finds_nobody),
		TEST(test_cancel_abandons_the_call),
		TEST(test_close_from_another_thread_fails_the_call),
		TEST(test_calls_of_many_threads_find_their_answers),
		TEST(test_async_calls_are_answered),
		TEST(test_async_calls_fail_when_the_peer_hangs_up),
		TEST(test_forgotten_async_calls_are_silent),
		TEST(test_on_close_may_free_the_client),
		TEST(test_on_close_after_the_end_is_called_at_once),
		TEST(test_free_fails_async_calls_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
