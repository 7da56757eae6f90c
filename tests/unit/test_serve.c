/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve - the probe server against good, slow and rude clients.
 */

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/http/serve.h"
#include "lib/str.h"

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct loop_task stop;
	pthread_t thread;
	uint16_t port;
};

static void answer_hello(void *context, struct http_answer *answer)
{
	(void)context;
	answer->status = 503;
	answer->body = xstrdup("hello\n");
}

static const struct http_route routes[] = { { "/hello", answer_hello }, { NULL, NULL } };

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
	if (http_server_new(f->loop, fd, routes, NULL, &f->server, &e) < 0)
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
	free(f);
	return 0;
}

static int dial(const struct fixture *f)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = f->port };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
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

static void test_head_has_no_body(void **state)
{
	_free_ char *answer = ask(*state, "HEAD /hello HTTP/1.1\r\n\r\n", 100);

	assert_true(str_ends(answer, "\r\n\r\n"));
	assert_non_null(strstr(answer, "Content-Length: 6\r\n"));
}

static void test_request_that_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *request;
		const char *answer;
	} cases[] = {
		{ "GET /other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 " },
		{ "POST /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 405 " },
		{ "GET hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
		{ "\r\n\r\n", "HTTP/1.1 400 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *answer = ask(*state, cases[i].request, 100);

		if (!str_starts(answer, cases[i].answer))
			fail_msg("'%s' gives '%s'", cases[i].request, answer);
	}
}

static void test_header_without_end_is_refused(void **state)
{
	_free_ char *request = xmalloc(9001);
	_free_ char *answer = NULL;

	memset(request, 'a', 9000);
	request[9000] = '\0';
	answer = ask(*state, request, 9000);
	assert_true(str_starts(answer, "HTTP/1.1 400 ") || answer[0] == '\0');
}

static void test_idle_connections_do_not_keep_others_out(void **state)
{
	int idle[31];
	_free_ char *answer = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		idle[i] = dial(*state);
	answer = ask(*state, "GET /hello HTTP/1.1\r\n\r\n", 100);
	assert_true(str_starts(answer, "HTTP/1.1 503 "));
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		(void)close(idle[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_request_is_answered_however_it_arrives),
		T(test_head_has_no_body),
		T(test_request_that_is_wrong_is_refused),
		T(test_header_without_end_is_refused),
		T(test_idle_connections_do_not_keep_others_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
