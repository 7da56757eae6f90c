/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_http_client - what the HTTP client takes from its environment and from a server.
 */

#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>

#include "tests/unit/fake-api.h"

#include "lib/http/client.h"
#include "lib/wire.h"

#define WAIT_MS 20000

/* What a test wants of the target, from where the server is. */
typedef void make_target(struct http_target *target, const char *url);

/* Asks for "/x" of a server that plays TURN. */
static int ask_for(const struct fake_turn *turn, make_target *make,
		   struct http_response *ret_response, struct error *e)
{
	const struct http_request request = { .path = "/x", .deadline_ms = deadline_in(WAIT_MS) };
	struct http_target target = { 0 };
	struct http_client *client;
	struct fake_api api;
	const char *fault;
	int r;

	assert_true(fake_start(&api, turn, 1, NULL));
	target.base_url = api.url;
	if (make)
		make(&target, api.url);
	assert_int_equal(http_client_new(&target, &client, e), 0);
	r = http_do(client, &request, ret_response, e);
	http_client_free(client);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	return r;
}

static int ask_as(const struct fake_turn *turn, make_target *make, struct error *e)
{
	_http_response_ struct http_response response = { 0 };

	return ask_for(turn, make, &response, e);
}

static int ask(const struct fake_turn *turn, struct error *e)
{
	return ask_as(turn, NULL, e);
}

static void assert_asked(const struct fake_turn *turn, make_target *make)
{
	struct error e;

	if (ask_as(turn, make, &e) < 0)
		fail_msg("%s", e.msg);
}

/* It resolves the name of the server. */
static void by_proxy(struct http_target *target, const char *url)
{
	target->base_url = "http://api.far.example:6443";
	target->proxy = url;
}

static void by_environment(struct http_target *target, const char *url)
{
	assert_int_equal(setenv("http_proxy", url, 1), 0);
	target->base_url = "http://api.far.example:6443";
	target->heeds_environment = true;
}

static void test_client_goes_by_the_proxy_it_is_told(void **state)
{
	static const struct fake_turn turn = { { "GET http://api.far.example:6443/x ",
						 "Host: api.far.example:6443\r\n" },
					       "200 OK",
					       "{}",
					       FAKE_KEEP,
					       NULL };

	(void)state;
	/* What the target says is before the environment, its exceptions included. */
	assert_int_equal(setenv("no_proxy", "*", 1), 0);
	assert_asked(&turn, by_proxy);
	(void)unsetenv("no_proxy");
	assert_asked(&turn, by_environment);
	(void)unsetenv("http_proxy");
}

static void by_name(struct http_target *target, const char *url)
{
	(void)url;
	target->server_name = "kubernetes.example";
}

/* The name is for TLS; what the server is called by us stays. */
static void test_name_of_the_certificate_leads_to_the_same_server(void **state)
{
	static const struct fake_turn turn = {
		{ "GET /x ", "Host: 127.0.0.1:" }, "200 OK", "{}", FAKE_KEEP, NULL
	};

	(void)state;
	assert_asked(&turn, by_name);
}

static void with_headers(struct http_target *target, const char *url)
{
	static char one[] = "Impersonate-User: jane", two[] = "Impersonate-Group: a";
	static char *headers[] = { one, two, NULL };

	(void)url;
	target->headers = headers;
}

static void test_headers_of_the_target_are_in_every_request(void **state)
{
	static const struct fake_turn turn = { { "GET /x ", "Impersonate-User: jane\r\n",
						 "Impersonate-Group: a\r\n" },
					       "200 OK",
					       "{}",
					       FAKE_KEEP,
					       NULL };

	(void)state;
	assert_asked(&turn, with_headers);
}

static void test_client_obeys_no_proxy_of_the_environment(void **state)
{
	static const struct fake_turn turn = { { "GET /x " }, "200 OK", "{}", FAKE_KEEP, NULL };
	struct error e;

	(void)state;
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	assert_int_equal(ask(&turn, &e), 0);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
}

/* Whoever answers for a server could name any address. */
static void test_client_follows_no_redirection(void **state)
{
	static const struct fake_turn turn = {
		{ "GET /x " }, "302 Found\r\nLocation: /y", "{}", FAKE_KEEP, NULL
	};
	_http_response_ struct http_response response = { 0 };
	struct error e;

	(void)state;
	if (ask_for(&turn, NULL, &response, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(response.status, 302);
}

static void test_client_speaks_http_only(void **state)
{
	static const char *const urls[] = { "file:///etc", "ftp://127.0.0.1:1",
					    "gopher://127.0.0.1:1" };
	const struct http_request request = { .path = "/passwd",
					      .deadline_ms = deadline_in(WAIT_MS) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		_http_response_ struct http_response response = { 0 };
		const struct http_target target = { .base_url = urls[i] };
		struct http_client *client;
		struct error e;

		assert_int_equal(http_client_new(&target, &client, &e), 0);
		assert_true(http_do(client, &request, &response, &e) < 0);
		assert_non_null(strstr(e.msg, "rotocol"));
		http_client_free(client);
	}
}

static void test_client_has_no_sigpipe(void **state)
{
	static const struct fake_turn turn = { { "GET /x " }, "200 OK", "{}", FAKE_KEEP, NULL };
	struct sigaction now = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(ask(&turn, &e), 0);
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_IGN);
}

/* Each line is short, and there is no end of them. */
static void test_headers_without_end_are_refused(void **state)
{
	static const char line[] = "\r\nX-Filling: 0123456789abcdef0123456789abcdef";
	size_t n = WIRE_HEADERS_MAX / strlen(line) + 1;
	_free_ char *status = xcalloc(1, n * strlen(line) + 16);
	const struct fake_turn turn = { { "GET /x " }, status, "{}", FAKE_HANG, NULL };
	struct error e;

	(void)state;
	memcpy(status, "200 OK", 6);
	for (size_t i = 0; i < n; i++)
		memcpy(status + 6 + i * strlen(line), line, strlen(line));
	assert_int_equal(ask(&turn, &e), -EFBIG);
	assert_non_null(strstr(e.msg, "headers"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_obeys_no_proxy_of_the_environment),
		cmocka_unit_test(test_client_goes_by_the_proxy_it_is_told),
		cmocka_unit_test(test_name_of_the_certificate_leads_to_the_same_server),
		cmocka_unit_test(test_headers_of_the_target_are_in_every_request),
		cmocka_unit_test(test_client_follows_no_redirection),
		cmocka_unit_test(test_client_speaks_http_only),
		cmocka_unit_test(test_client_has_no_sigpipe),
		cmocka_unit_test(test_headers_without_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
