/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve - the probe server against good, slow and rude clients.
 */

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/http/serve.h"
#include "lib/str.h"
#include "lib/wait.h"
#include "lib/wire.h"

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_task stop;
	pthread_t thread;
	uint16_t port;
	int gate[2]; /* pairs of sockets: the answer /late waits for a byte, after it said so */
};

/* While it is set the server's patience has no end that a test could see: what is dropped then is
 * dropped for its number, however slow the machine is. */
static int is_patient;

uint64_t __wrap_deadline_in(uint64_t wait_ms);
uint64_t __real_deadline_in(uint64_t wait_ms);

uint64_t __wrap_deadline_in(uint64_t wait_ms)
{
	bool stays =
		wait_ms == WIRE_HTTP_PATIENCE_MS && __atomic_load_n(&is_patient, __ATOMIC_SEQ_CST);

	return __real_deadline_in(stays ? 10 * 60 * UINT64_C(1000) : wait_ms);
}

static void answer_hello(void *context, struct http_answer *answer)
{
	(void)context;
	answer->status = 503;
	answer->body = xstrdup("hello\n");
}

static void answer_late(void *context, struct http_answer *answer)
{
	struct fixture *f = context;
	char byte = 0;

	(void)!write(f->gate[1], &byte, 1);
	(void)!read(f->gate[1], &byte, 1);
	answer->body = xstrdup("late\n");
}

#define LARGE (4 * MIB)

/* More than a socket takes at once. */
static void answer_large(void *context, struct http_answer *answer)
{
	(void)context;
	answer->body = xcalloc(1, LARGE + 1);
	memset(answer->body, 'x', LARGE);
}

static const struct http_route routes[] = {
	{ "/large", answer_large },
	{ "/hello", answer_hello },
	{ "/late", answer_late },
	{ NULL, NULL },
};

static void on_stop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct fixture, stop)->loop, 0);
}

static void *thread_main(void *arg)
{
	struct fixture *f = arg;

	(void)loop_run(f->loop);
	return NULL;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct sockaddr_in6 address;
	socklen_t len = sizeof(address);
	struct error e;
	int fd;

	f->loop = loop_new(&e);
	f->stop.run = on_stop;
	fd = http_listen(0, &e);
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -1;
	f->port = address.sin6_port;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->gate) < 0 ||
	    http_server_new(f->loop, fd, routes, f, &f->server, &e) < 0)
		return -1;
	*state = f;
	return pthread_create(&f->thread, NULL, thread_main, f);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_post(f->loop, &f->stop);
	(void)pthread_join(f->thread, NULL);
	http_server_free(f->server);
	loop_free(f->loop);
	(void)close(f->gate[0]);
	(void)close(f->gate[1]);
	free(f);
	return 0;
}

/* From 127.0.0.HOST. */
static int dial_from(const struct fixture *f, uint32_t host)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = f->port };
	struct sockaddr_in own = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	own.sin_addr.s_addr = htonl(0x7f000000 + host);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int dial(const struct fixture *f)
{
	return dial_from(f, 1);
}

/* With a window that a large answer does not fit. */
static int dial_narrow(const struct fixture *f)
{
	int fd = dial(f);
	int bytes = 4096;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	return fd;
}

/* Sends REQUEST piece by piece and reads everything that comes back. */
static char *ask(const struct fixture *f, const char *request, size_t piece)
{
	_close_ int fd = dial(f);
	char *answer = xcalloc(1, 4096);
	size_t len = 0;
	ssize_t n;

	for (size_t at = 0; at < strlen(request); at += piece)
		if (send(fd, request + at, min_size(piece, strlen(request) - at), MSG_NOSIGNAL) < 0)
			break;
	while ((n = read(fd, answer + len, 4095 - len)) > 0)
		len += (size_t)n;
	return answer;
}

static void test_request_is_answered_however_it_arrives(void **state)
{
	static const char request[] = "GET /hello?x=1 HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t piece = 1; piece <= sizeof(request); piece += 7) {
		_free_ char *answer = ask(*state, request, piece);

		assert_true(str_starts(answer, "HTTP/1.1 503 Service Unavailable\r\n"));
		assert_true(str_ends(answer, "\r\n\r\nhello\n"));
	}
}

static void test_large_answer_arrives_whole(void **state)
{
	static const char request[] = "GET /large HTTP/1.1\r\n\r\n";
	_close_ int fd = dial(*state);
	_free_ char *piece = xmalloc(64 * KIB);
	size_t len = 0;
	struct error e;
	ssize_t n;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	/* Now the server's side is full, and goes on when there is room. */
	assert_int_equal(wait_pause(100, "the server", NO_DEADLINE, NULL, &e), 0);
	while ((n = read(fd, piece, 64 * KIB)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	assert_in_range(len, LARGE + 1, LARGE + 512);
}

/* As the end of every test is: with somebody who does not read. */
static void test_server_ends_while_an_answer_waits(void **state)
{
	static const char request[] = "GET /large HTTP/1.1\r\n\r\n";
	int fd = dial_narrow(*state);
	char byte;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(teardown(state), 0);
	(void)close(fd);
	assert_int_equal(setup(state), 0);
}

static void test_head_has_no_body(void **state)
{
	_free_ char *answer = ask(*state, "HEAD /hello HTTP/1.1\r\n\r\n", 100);

	assert_true(str_ends(answer, "\r\n\r\n"));
	assert_non_null(strcasestr(answer, "Content-Length: 6\r\n"));
}

static void test_request_that_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *request;
		const char *answer;
	} cases[] = {
		{ "GET /other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 " },
		{ "GET /hello/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 " },
		{ "POST /hello HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 " },
		{ "POST /hello HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 " },
		{ "PUT /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 405 " },
		/* What is no HTTP is the library's to refuse. */
		{ "GET hello HTTP/1.1\r\n\r\n", "HTTP/1.0 403 " },

		{ "BREW /hello HTTP/1.1\r\n\r\n", "HTTP/1.0 403 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *answer = ask(*state, cases[i].request, 100);

		if (!str_starts(answer, cases[i].answer))
			fail_msg("'%s' gives '%s'", cases[i].request, answer);
	}
}

static void assert_answered(const struct fixture *f)
{
	_free_ char *answer = ask(f, "GET /hello HTTP/1.1\r\n\r\n", 100);

	assert_true(str_starts(answer, "HTTP/1.1 503 "));
}

/* START, then FILLING again and again. */
static char *endless(const char *start, const char *filling)
{
	size_t n = strlen(filling);
	char *request = xcalloc(1, 5 * WIRE_REQUEST_MAX);
	size_t len = strlen(start);

	memcpy(request, start, len);
	for (; len + n < 4 * WIRE_REQUEST_MAX; len += n)
		memcpy(request + len, filling, n);
	return request;
}

/* Refused or closed, before it has five seconds. */
static void test_header_without_end_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "a" },
		{ "GET /hello", "a" },
		{ "GET /hello?", "a=b&" },
		{ "GET /hello HTTP/1.1\r\nHost: ", "a" },
		{ "GET /hello HTTP/1.1\r\n", "Host: a\r\n" },
		{ "GET /hello HTTP/1.1\r\n", "X-Filling: a\r\n" },
		{ "GET /hello HTTP/1.1\r\nX-Filling", "a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *request = endless(cases[i][0], cases[i][1]);
		uint64_t began_ms = now_ms();
		_free_ char *answer = ask(*state, request, strlen(request));

		if (!str_starts(answer, "HTTP/1.0 4") && answer[0] != '\0')
			fail_msg("'%s%s...' gives '%s'", cases[i][0], cases[i][1], answer);
		if (now_ms() - began_ms > 4000)
			fail_msg("'%s%s...' is waited for", cases[i][0], cases[i][1]);
	}
	assert_answered(*state);
}

#define SLOW 64

static void dial_slow(const struct fixture *f, int fds[SLOW], uint32_t hosts)
{
	for (uint32_t i = 0; i < SLOW; i++) {
		fds[i] = dial_from(f, 1 + i % hosts);
		assert_int_equal(send(fds[i], "GET /", 5, MSG_NOSIGNAL), 5);
	}
}

static unsigned count_open_and_close(const int fds[SLOW])
{
	unsigned n = 0;
	char byte;

	for (size_t i = 0; i < SLOW; i++) {
		n += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
		(void)close(fds[i]);
	}
	return n;
}

static void test_slow_clients_of_one_address_keep_nobody_out(void **state)
{
	int slow[SLOW];

	__atomic_store_n(&is_patient, 1, __ATOMIC_SEQ_CST);
	dial_slow(*state, slow, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_answered(*state);
	assert_true(count_open_and_close(slow) < 8);
	__atomic_store_n(&is_patient, 0, __ATOMIC_SEQ_CST);
}

static void test_slow_clients_of_many_addresses_keep_nobody_out(void **state)
{
	int slow[SLOW];

	__atomic_store_n(&is_patient, 1, __ATOMIC_SEQ_CST);
	dial_slow(*state, slow, 16);
	for (unsigned i = 0; i < 10; i++)
		assert_answered(*state);
	assert_in_range(count_open_and_close(slow), 16, 32);
	__atomic_store_n(&is_patient, 0, __ATOMIC_SEQ_CST);
}

/* One that sends slowly and one that reads slowly. */
static void test_slow_client_has_five_seconds(void **state)
{
	static const char request[] = "GET /large HTTP/1.1\r\n\r\n";
	_close_ int reader = dial_narrow(*state);
	_close_ int fd = dial(*state);
	uint64_t began_ms = now_ms();
	char byte;

	assert_int_equal(send(reader, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	assert_int_equal(send(fd, "GET /", 5, MSG_NOSIGNAL), 5);
	(void)!read(fd, &byte, 1);
	assert_in_range(now_ms() - began_ms, 4900, 20000);
	assert_answered(*state);
}

/* A reset after the end of what the client sends is EPIPE for the server, and without care a
 * SIGPIPE. */
static void test_client_that_resets_harms_nobody(void **state)
{
	static const char request[] = "GET /late HTTP/1.1\r\n\r\n";
	const struct linger reset = { .l_onoff = 1 };
	const struct fixture *f = *state;
	int fd = dial(f);
	char byte;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	(void)shutdown(fd, SHUT_WR);
	assert_int_equal(read(f->gate[0], &byte, 1), 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(fd);
	assert_int_equal(write(f->gate[0], &byte, 1), 1);
	assert_answered(f);
}

static uint64_t used_cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void test_server_without_descriptors_rests_and_goes_on(void **state)
{
	static const char request[] = "GET /hello HTTP/1.1\r\n\r\n";
	_close_ int fd = dial(*state);
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t len = sizeof(to);
	struct rlimit limit, none;
	char answer[13] = "";
	uint64_t used_ms;
	struct error e;
	int second;

	assert_int_equal(getpeername(fd, (struct sockaddr *)&to, &len), 0);
	second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3; /* poll(2) looks at it as well */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(second, (struct sockaddr *)&to, len), 0);
	assert_int_equal(send(second, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	used_ms = used_cpu_ms();
	assert_int_equal(wait_pause(300, "the server", NO_DEADLINE, NULL, &e), 0);
	used_ms = used_cpu_ms() - used_ms;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_in_range(used_ms, 0, 100);
	assert_int_equal(recv(second, answer, sizeof(answer) - 1, MSG_WAITALL), 12);
	assert_string_equal(answer, "HTTP/1.1 503");
	(void)close(second);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_request_is_answered_however_it_arrives),
		T(test_large_answer_arrives_whole),
		T(test_server_ends_while_an_answer_waits),
		T(test_head_has_no_body),
		T(test_request_that_is_wrong_is_refused),
		T(test_header_without_end_is_refused),
		T(test_slow_clients_of_one_address_keep_nobody_out),
		T(test_slow_clients_of_many_addresses_keep_nobody_out),
		T(test_slow_client_has_five_seconds),
		T(test_client_that_resets_harms_nobody),
		T(test_server_without_descriptors_rests_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
