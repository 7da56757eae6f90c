/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_stdio - a process's streams between real fifos and an agent that follows a script.
 *
 * The loop runs on the test's thread and ends with the outputs; the agent is a peer that expects
 * exactly the calls of its script, in order, and ends the program otherwise.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"
#include "runtime/pod/sink.h"
#include "runtime/pod/stdio.h"
#include "tests/unit/rpc-peer.h"

struct fixture {
	struct loop *loop;
	struct rpc_client *client;
	struct stdio *stdio;
	int fd; /* the agent's end */
	pthread_t agent;
	void (*script)(struct fixture *f);
	char *dir;
	int in;  /* our end of the input fifo */
	int out; /* and of the outputs */
	int err;
	unsigned n_ended;
	struct loop_task pause;
	pthread_t reader;
	char read_out[64], read_err[64];
};

static int fifo(const struct fixture *f, const char *name, int flags)
{
	_free_ char *path = path_join(f->dir, name);

	assert_return_code(mkfifo(path, 0600), errno);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;
	int fds[2];

	*state = f;
	f->dir = folder_new();
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	f->fd = fds[0];
	f->loop = loop_new(&e);
	f->client = rpc_client_new(f->loop, fds[1], &e);
	f->in = fifo(f, "in", O_RDWR);
	f->out = fifo(f, "out", O_RDWR);
	f->err = fifo(f, "err", O_RDWR);
	return 0;
}

static void release(struct fixture *f)
{
	rpc_client_free(f->client);
	loop_free(f->loop);
	(void)close_fd(f->fd);
	(void)close_fd(f->in);
	(void)close_fd(f->out);
	(void)close_fd(f->err);
	folder_remove(f->dir);
	free(f);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)pthread_join(f->agent, NULL);
	stdio_free(f->stdio);
	release(f);
	return 0;
}

static void *agent_thread(void *arg)
{
	struct fixture *f = arg;

	f->script(f);
	return NULL;
}

static void ended(void *arg)
{
	struct fixture *f = arg;

	__atomic_add_fetch(&f->n_ended, 1, __ATOMIC_SEQ_CST);
	loop_stop(f->loop, 0);
}

static void read_late(const struct fixture *f, int fd, char ret_text[64])
{
	struct error e;

	peer_check(wait_fd(fd, POLLIN, "output", deadline_in(PEER_PATIENCE_MS), NULL, &e) >= 0,
		   "no output");
	(void)usleep(20 * 1000);
	peer_check(__atomic_load_n(&f->n_ended, __ATOMIC_SEQ_CST) == 0, "the end came first");
	peer_check(read(fd, ret_text, 63) > 0, "no output");
}

/* A reader that is slow, as containerd is on a busy node. */
static void *reader_thread(void *arg)
{
	struct fixture *f = arg;

	read_late(f, f->out, f->read_out);
	read_late(f, f->err, f->read_err);
	return NULL;
}

static void start_reader(struct fixture *f)
{
	assert_int_equal(pthread_create(&f->reader, NULL, reader_thread, f), 0);
}

static void expect_read(struct fixture *f, const char *out, const char *err)
{
	(void)pthread_join(f->reader, NULL);
	assert_string_equal(f->read_out, out);
	assert_string_equal(f->read_err, err);
}

enum with { WITH_INPUT, WITHOUT_INPUT };

static void open_stdio(struct fixture *f, enum with with)
{
	_free_ char *in = path_join(f->dir, "in");
	_free_ char *out = path_join(f->dir, "out");
	_free_ char *err = path_join(f->dir, "err");
	const struct stdio_params params = {
		.loop = f->loop,
		.container_id = "box",
		.exec_id = "run",
		.namespace_ = "default",
		.paths = { with == WITH_INPUT ? in : "", out, err, false },
	};
	struct error e;

	if (stdio_open(&params, &f->stdio, &e) < 0)
		fail_msg("%s", e.msg);
}

static void make(struct fixture *f, enum with with)
{
	open_stdio(f, with);
	/* One call's worth, so that the next is under way while this is read. */
	assert_true(fcntl(f->out, F_GETPIPE_SZ) >= (int)STDIO_CHUNK);
	assert_true(fcntl(f->err, F_GETPIPE_SZ) >= (int)STDIO_CHUNK);
	if (with == WITH_INPUT)
		assert_true(fcntl(f->in, F_GETPIPE_SZ) >= (int)STDIO_CHUNK);
}

static void start(struct fixture *f, void (*script)(struct fixture *f))
{
	f->script = script;
	assert_int_equal(pthread_create(&f->agent, NULL, agent_thread, f), 0);
	stdio_start(f->stdio, f->client, ended, f);
	(void)loop_run(f->loop);
}

/* Runs the streams against SCRIPT until both outputs have ended. */
static void run(struct fixture *f, void (*script)(struct fixture *f))
{
	start(f, script);
	assert_int_equal(f->n_ended, 1);
}

static void pause_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct fixture, pause)->loop, 0);
}

/* Makes the loop return when it has done what is there to be done now. */
static void post_pause(struct fixture *f)
{
	f->pause.run = pause_loop;
	loop_post(f->loop, &f->pause);
}

/* The next call must be METHOD; its payload is *ret_in, decoded as TYPE. */
static uint32_t expect(const struct fixture *f, const char *method,
		       const ProtobufCMessageDescriptor *type, void *ret_in)
{
	_message_ Ttrpc__Request *request = NULL;
	_free_ uint8_t *data = NULL;
	struct ttrpc_frame frame;
	struct error e;

	peer_check(peer_read_frame(f->fd, &frame, &data), "no request");
	peer_check(message_unpack(&ttrpc__request__descriptor, data, frame.len, &request, &e) >= 0,
		   "not a request");
	if (strcmp(request->method, method) != 0) {
		(void)fprintf(stderr, "agent: '%s' where '%s' was expected\n", request->method,
			      method);
		abort();
	}
	if (ret_in)
		peer_check(message_unpack(type, request->payload.data, request->payload.len, ret_in,
					  &e) >= 0,
			   "wrong payload");
	return frame.stream;
}

static void answer_output(const struct fixture *f, uint32_t stream, const void *bytes, size_t len)
{
	Agent__ReadStreamResponse output = AGENT__READ_STREAM_RESPONSE__INIT;

	output.data.data = (uint8_t *)(uintptr_t)bytes;
	output.data.len = len;
	peer_answer(f->fd, stream, &output);
}

static void answer_empty(const struct fixture *f, uint32_t stream)
{
	const Pb__Empty empty = PB__EMPTY__INIT;

	peer_answer(f->fd, stream, &empty);
}

static void answer_taken(const struct fixture *f, uint32_t stream, uint32_t len)
{
	Agent__WriteStreamResponse taken = AGENT__WRITE_STREAM_RESPONSE__INIT;

	taken.len = len;
	peer_answer(f->fd, stream, &taken);
}

static void expect_text(int fd, const char *text)
{
	char got[64] = "";
	ssize_t n = read(fd, got, sizeof(got) - 1);

	assert_string_equal(n < 0 ? "" : got, text);
}

static void agent_writes_both(struct fixture *f)
{
	_message_ Agent__ReadStreamRequest *request = NULL;
	uint32_t out, err;

	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	out = expect(f, "ReadStdout", &agent__read_stream_request__descriptor, &request);
	peer_check(strcmp(request->container_id, "box") == 0, "wrong container");
	peer_check(strcmp(request->exec_id, "run") == 0, "wrong process");
	peer_check(request->len == STDIO_CHUNK, "another size than the fifo has");
	err = expect(f, "ReadStderr", NULL, NULL);
	answer_output(f, out, "hello", 5);
	out = expect(f, "ReadStdout", NULL, NULL);
	answer_output(f, err, "oops", 4);
	err = expect(f, "ReadStderr", NULL, NULL);
	answer_output(f, out, "", 0);
	answer_output(f, err, "", 0);
}

static void test_outputs_are_taken_before_their_end_is_reported(void **state)
{
	struct fixture *f = *state;

	make(f, WITHOUT_INPUT);
	start_reader(f);
	run(f, agent_writes_both);
	expect_read(f, "hello", "oops");
}

static void agent_writes_and_pauses(struct fixture *f)
{
	agent_writes_both(f);
	post_pause(f);
}

static void test_output_that_nobody_takes_ends_when_told_to(void **state)
{
	struct fixture *f = *state;

	make(f, WITHOUT_INPUT);
	start(f, agent_writes_and_pauses);
	assert_int_equal(f->n_ended, 0);
	stdio_end_outputs(f->stdio);
	assert_int_equal(f->n_ended, 1);
}

static void agent_writes_much(struct fixture *f)
{
	uint32_t out, err;

	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	out = expect(f, "ReadStdout", NULL, NULL);
	err = expect(f, "ReadStderr", NULL, NULL);
	for (int i = 0; i < 5; i++) {
		answer_output(f, out, "hello", 5);
		out = expect(f, "ReadStdout", NULL, NULL);
	}
	answer_output(f, out, "", 0);
	answer_output(f, err, "", 0);
}

static unsigned count_lines_with(const char *path, const char *word)
{
	_free_ char *text = NULL;
	_strv_ strv lines = NULL;
	unsigned n = 0;
	struct error e;

	assert_int_equal(file_read(path, 64 * KIB, &text, NULL, &e), 0);
	lines = strv_split(text, "\n");
	for (char **line = lines; line && *line; line++)
		n += strstr(*line, word) != NULL;
	return n;
}

/* As a logger that has died.  The process goes on, and the log does not fill up. */
static void test_output_that_nothing_takes_is_told_of_once(void **state)
{
	struct fixture *f = *state;
	_free_ char *log = path_join(f->dir, "log");
	const struct stdio_params params = { .loop = f->loop,
					     .container_id = "box",
					     .exec_id = "run",
					     .namespace_ = "default",
					     .paths = { "", "/dev/full", "", false } };
	struct error e;
	int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(stdio_open(&params, &f->stdio, &e), 0);
	log_open("test", fd, LOG_TEXT, LOG_LEVEL_WARN);
	run(f, agent_writes_much);
	log_open("test", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_INFO);
	(void)close_fd(fd);
	assert_int_equal(count_lines_with(log, "output is lost"), 1);
}

static void agent_writes_nothing(struct fixture *f)
{
	uint32_t out;

	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	out = expect(f, "ReadStdout", NULL, NULL);
	answer_output(f, expect(f, "ReadStderr", NULL, NULL), "", 0);
	answer_output(f, out, "", 0);
}

/* A client whose thread that opens the fifo runs when the process is over. */
static void *late_opener_thread(void *arg)
{
	struct fixture *f = arg;
	_free_ char *path = path_join(f->dir, "err");

	(void)usleep(100 * 1000);
	peer_check(__atomic_load_n(&f->n_ended, __ATOMIC_SEQ_CST) == 0, "the end came first");
	f->err = open(path, O_RDONLY | O_CLOEXEC);
	peer_check(f->err >= 0 && read(f->err, f->read_err, 1) == 0, "no end of the fifo");
	return NULL;
}

static void test_end_waits_for_a_reader_that_comes_late(void **state)
{
	struct fixture *f = *state;

	f->err = close_fd(f->err);
	open_stdio(f, WITHOUT_INPUT);
	assert_int_equal(pthread_create(&f->reader, NULL, late_opener_thread, f), 0);
	run(f, agent_writes_nothing);
	(void)pthread_join(f->reader, NULL);
}

static void agent_writes_nothing_and_pauses(struct fixture *f)
{
	agent_writes_nothing(f);
	post_pause(f);
}

/* One that was there and has gone is not waited for, one that never came only until told. */
static void test_end_waits_for_no_reader_that_has_been_there(void **state)
{
	struct fixture *f = *state;

	make(f, WITHOUT_INPUT);
	f->out = close_fd(f->out);
	f->err = close_fd(f->err);
	run(f, agent_writes_nothing);
}

static void test_end_without_a_reader_comes_when_told_to(void **state)
{
	struct fixture *f = *state;

	f->out = close_fd(f->out);
	open_stdio(f, WITHOUT_INPUT);
	start(f, agent_writes_nothing_and_pauses);
	assert_int_equal(f->n_ended, 0);
	stdio_end_outputs(f->stdio);
	assert_int_equal(f->n_ended, 1);
}

static void agent_gives_too_much(struct fixture *f)
{
	_message_ Agent__ReadStreamRequest *request = NULL;
	_free_ char *flood = xcalloc(1, 512 * KIB);
	uint32_t out;

	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	out = expect(f, "ReadStdout", &agent__read_stream_request__descriptor, &request);
	answer_output(f, expect(f, "ReadStderr", NULL, NULL), "", 0);
	answer_output(f, out, flood, request->len + 1);
}

static void test_more_output_than_asked_for_ends_the_stream(void **state)
{
	struct fixture *f = *state;

	make(f, WITHOUT_INPUT);
	run(f, agent_gives_too_much);
	expect_text(f->out, "");
}

static void agent_hangs_up(struct fixture *f)
{
	(void)expect(f, "CloseStdin", NULL, NULL);
	(void)expect(f, "ReadStdout", NULL, NULL);
	(void)shutdown(f->fd, SHUT_RDWR);
}

static void test_lost_agent_is_the_end_of_the_outputs(void **state)
{
	struct fixture *f = *state;

	make(f, WITHOUT_INPUT);
	run(f, agent_hangs_up);
}

static void agent_takes_input_in_pieces(struct fixture *f)
{
	_message_ Agent__WriteStreamRequest *first = NULL;
	_message_ Agent__WriteStreamRequest *second = NULL;
	uint32_t stream, out, err;

	stream = expect(f, "WriteStdin", &agent__write_stream_request__descriptor, &first);
	peer_check(first->data.len == 5 && memcmp(first->data.data, "input", 5) == 0, "first");
	out = expect(f, "ReadStdout", NULL, NULL);
	err = expect(f, "ReadStderr", NULL, NULL);
	answer_taken(f, stream, 2);
	stream = expect(f, "WriteStdin", &agent__write_stream_request__descriptor, &second);
	peer_check(second->data.len == 3 && memcmp(second->data.data, "put", 3) == 0, "second");
	answer_taken(f, stream, 3);
	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	answer_output(f, out, "", 0);
	answer_output(f, err, "", 0);
}

static void test_input_closed_before_the_start_is_passed_on_first(void **state)
{
	struct fixture *f = *state;

	make(f, WITH_INPUT);
	assert_int_equal(write(f->in, "input", 5), 5);
	stdio_close_input(f->stdio);
	run(f, agent_takes_input_in_pieces);
}

static void agent_takes_more_than_it_got(struct fixture *f)
{
	uint32_t stream = expect(f, "WriteStdin", NULL, NULL);
	uint32_t out = expect(f, "ReadStdout", NULL, NULL);
	uint32_t err = expect(f, "ReadStderr", NULL, NULL);

	answer_taken(f, stream, 4096);
	answer_output(f, out, "", 0);
	answer_output(f, err, "", 0);
}

static void test_more_input_taken_than_sent_ends_the_input(void **state)
{
	struct fixture *f = *state;

	make(f, WITH_INPUT);
	assert_int_equal(write(f->in, "x", 1), 1);
	run(f, agent_takes_more_than_it_got);
	assert_int_equal(write(f->in, "y", 1), 1);
}

static void lose_sandbox(struct fixture *f)
{
	stdio_detach(f->stdio);
	rpc_client_free(TAKE_PTR(f->client));
}

static void agent_waits_for_input(struct fixture *f)
{
	(void)expect(f, "ReadStdout", NULL, NULL);
	(void)expect(f, "ReadStderr", NULL, NULL);
	post_pause(f);
}

static void test_input_after_the_sandbox_is_gone_goes_nowhere(void **state)
{
	struct fixture *f = *state;

	make(f, WITH_INPUT);
	start(f, agent_waits_for_input);
	lose_sandbox(f);
	(void)loop_run(f->loop);
	assert_int_equal(f->n_ended, 1);
	assert_int_equal(write(f->in, "x", 1), 1);
	post_pause(f);
	(void)loop_run(f->loop);
	stdio_close_input(f->stdio);
}

/* The second ReadStderr tells that the shim has seen all that was answered before. */
static void agent_writes_to_a_full_fifo(struct fixture *f)
{
	uint32_t out, err;

	answer_empty(f, expect(f, "CloseStdin", NULL, NULL));
	out = expect(f, "ReadStdout", NULL, NULL);
	err = expect(f, "ReadStderr", NULL, NULL);
	answer_output(f, out, "late", 4);
	answer_output(f, err, "x", 1);
	(void)expect(f, "ReadStderr", NULL, NULL);
	post_pause(f);
}

static void test_output_read_after_the_sandbox_is_gone_is_delivered_to_its_end(void **state)
{
	struct fixture *f = *state;
	char bytes[4096] = { 0 };

	/* Which makes the fifo larger. */
	make(f, WITHOUT_INPUT);
	while (write(f->out, bytes, sizeof(bytes)) > 0)
		;
	start(f, agent_writes_to_a_full_fifo);
	lose_sandbox(f);
	assert_int_equal(f->n_ended, 0);
	while (read(f->out, bytes, sizeof(bytes)) > 0)
		;
	start_reader(f);
	(void)loop_run(f->loop);
	assert_int_equal(f->n_ended, 1);
	expect_read(f, "late", "x");
}

static void test_stream_of_unknown_scheme_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct stdio_params params = {
		.loop = f->loop,
		.container_id = "box",
		.exec_id = "run",
		.namespace_ = "default",
		.paths = { "", "gopher://x", "", false },
	};
	struct stdio *s = NULL;
	struct error e;

	f->script = NULL;
	assert_int_equal(stdio_open(&params, &s, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "gopher"));
}

static int teardown_without_agent(void **state)
{
	struct fixture *f = *state;

	f->script = agent_hangs_up;
	(void)shutdown(f->fd, SHUT_RDWR);
	release(f);
	return 0;
}

static void test_logger_uri_becomes_its_arguments(void **state)
{
	static const struct {
		const char *uri;
		const char *joined; /* NULL: refused */
	} cases[] = {
		{ "binary:///bin/log", "/bin/log" },
		{ "binary:///bin/log?id=a&flag&x=", "/bin/log|id|a|flag|x" },
		{ "binary:///bin/a%20b?c%3Dd=e+f", "/bin/a b|c=d|e f" },
		{ "binary:///bin/a?%zz=%4", "/bin/a|%zz|%4" },
		{ "binary://log", NULL },
		{ "binary://", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_strv_ strv argv = NULL;
		_free_ char *joined = NULL;
		struct error e;
		int r = sink_parse_binary(cases[i].uri, &argv, &e);

		assert_int_equal(r, cases[i].joined ? 0 : -EINVAL);
		joined = strv_join(argv, "|");
		assert_string_equal(joined, cases[i].joined ? cases[i].joined : "");
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_outputs_are_taken_before_their_end_is_reported),
		TEST(test_output_that_nothing_takes_is_told_of_once),
		TEST(test_output_that_nobody_takes_ends_when_told_to),
		TEST(test_end_waits_for_a_reader_that_comes_late),
		TEST(test_end_waits_for_no_reader_that_has_been_there),
		TEST(test_end_without_a_reader_comes_when_told_to),
		TEST(test_more_output_than_asked_for_ends_the_stream),
		TEST(test_lost_agent_is_the_end_of_the_outputs),
		TEST(test_input_closed_before_the_start_is_passed_on_first),
		TEST(test_more_input_taken_than_sent_ends_the_input),
		TEST(test_input_after_the_sandbox_is_gone_goes_nowhere),
		TEST(test_output_read_after_the_sandbox_is_gone_is_delivered_to_its_end),
		cmocka_unit_test_setup_teardown(test_stream_of_unknown_scheme_is_refused, setup,
						teardown_without_agent),
		cmocka_unit_test(test_logger_uri_becomes_its_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
