/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_request - requests to a shim's management socket, what is none, and what it survives.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/str.h"
#include "lib/wire.h"
#include "runtime/sandbox/management.h"
#include "runtime/shim/request.h"

static int parse(const char *text, struct request *ret, struct error *e)
{
	return request_parse(text, strlen(text), ret, e);
}

static void test_request_with_a_body_is_whole_at_its_last_byte(void **state)
{
	static const char text[] =
		"POST /direct-volume/resize?x=1 HTTP/1.1\r\nHost: a\r\n"
		"content-LENGTH: 5 \r\n\r\nhello and more";
	const size_t whole = sizeof(text) - sizeof(" and more");
	_request_ struct request r = { 0 };
	struct error e;

	(void)state;
	for (size_t len = 0; len < whole; len++)
		assert_int_equal(request_parse(text, len, &r, &e), 0);
	assert_int_equal(request_parse(text, sizeof(text) - 1, &r, &e), 1);
	assert_string_equal(r.method, "POST");
	assert_string_equal(r.path, "/direct-volume/resize");
	assert_string_equal(r.query, "x=1");
	assert_string_equal(r.body, "hello");
	assert_int_equal(r.body_len, 5);
}

static void test_body_may_have_any_bytes(void **state)
{
	static const char text[] = "PUT / HTTP/1.0\nContent-Length: 4\n\na\0\n\1";
	_request_ struct request r = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(request_parse(text, sizeof(text) - 1, &r, &e), 1);
	assert_int_equal(r.body_len, 4);
	assert_memory_equal(r.body, "a\0\n\1", 5);
}

static void test_what_is_no_request_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "\r\n\r\n", EBADMSG },
		{ "GET\r\n\r\n", EBADMSG },
		{ "GET /\r\n\r\n", EBADMSG },
		{ "GET / HTTP/2.0\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1 \r\n\r\n", EBADMSG },
		{ "GET  / HTTP/1.1\r\n\r\n", EBADMSG },
		{ "get / HTTP/1.1\r\n\r\n", EBADMSG },
		{ "GET http://a/ HTTP/1.1\r\n\r\n", EBADMSG },
		{ "GETGETGETGETGETGETGET / HTTP/1.1\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\n folded: 1\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\nno name\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\n: empty\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\nx", EBADMSG },
		{ "GET / HTTP/1.1\r\na: \rContent-Length: 1\r\n\r\nx", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\nx", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", EBADMSG },
		{ "GET / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", EMSGSIZE },
		{ "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", EMSGSIZE },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", ENOSYS },
		{ "\x16\x03\x01", EBADMSG }, /* TLS */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct request r;
		struct error e;

		if (parse(cases[i].text, &r, &e) != -cases[i].code)
			fail_msg("'%s' is taken, or not for its reason", cases[i].text);
	}
}

static void test_head_that_does_not_end_is_refused_in_time(void **state)
{
	_free_ char *text = xmalloc(WIRE_REQUEST_MAX);
	struct request r;
	struct error e;

	(void)state;
	memset(text, 'a', WIRE_REQUEST_MAX);
	assert_int_equal(request_parse(text, WIRE_REQUEST_MAX - 1, &r, &e), 0);
	assert_int_equal(request_parse(text, WIRE_REQUEST_MAX, &r, &e), -EMSGSIZE);
	/* One that only ends behind the limit. */
	memcpy(text + WIRE_REQUEST_MAX - 3, "\n\r", 2);
	assert_int_equal(request_parse(text, WIRE_REQUEST_MAX, &r, &e), -EMSGSIZE);
}

static void test_parameters_are_found_by_their_whole_name(void **state)
{
	static const struct {
		const char *query;
		const char *value;
	} cases[] = {
		{ "", NULL },
		{ "path", NULL },
		{ "pathology=1", NULL },
		{ "xpath=1", NULL },
		{ "path=", "" },
		{ "path=%2Fdev%2fsd%41", "/dev/sdA" },
		{ "a=1&path=/a%26b=c&path=2", "/a&b=c" },
		{ "path=a+b%zz%", "a+b%zz%" },
		{ "path=/dev%00/x", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct request r = { .query = (char *)(uintptr_t)cases[i].query };
		_free_ char *value = request_parameter(&r, "path");

		if (!str_equal(value, cases[i].value))
			fail_msg("'%s': '%s'", cases[i].query, value ? value : "none");
	}
}

static void test_escaped_text_comes_back(void **state)
{
	_free_ char *all = xcalloc(256, 1);
	_free_ char *query = NULL;
	_free_ char *escaped = NULL;
	_free_ char *back = NULL;
	struct request r;

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	escaped = management_escape(all);
	query = r.query = xasprintf("path=%s&x=1", escaped);
	back = request_parameter(&r, "path");
	assert_string_equal(back, all);
}

static void test_answers_of_a_shim_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *said; /* the answer or the message */
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}", 0, "{}" },
		{ "HTTP/1.0 200 \r\n\r\n", 0, "" },
		{ "HTTP/1.1 200 OK\r\n\r\n{}\033[2J\n", 0, "{}?[2J" },
		{ "HTTP/1.1 404 Not Found\r\n\r\nnone \033[2J\n", -EREMOTEIO,
		  "the shim says: none ?[2J (404)" },
		{ "HTTP/1.1 204 None\r\n\r\n", -EREMOTEIO, "the shim says:  (204)" },
		{ "", -EPROTO, "the shim hung up without an answer" },
		{ "HTTP/1.1 200 OK\r\n", -EPROTO, NULL },
		{ "HTTP/1.1 \r\n\r\n", -EPROTO, NULL },
		{ "HTTP/1.1 2x0\r\n\r\n", -EPROTO, NULL },
		{ "SSH-2.0\r\n\r\n", -EPROTO, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xstrdup(cases[i].text);
		_free_ char *answer = NULL;
		struct error e = { 0 };

		assert_int_equal(management_parse(text, MANAGEMENT_LINE, &answer, &e),
				 cases[i].result);
		if (cases[i].said)
			assert_string_equal(answer ? answer : e.msg, cases[i].said);
	}
}

static void test_text_of_a_shim_keeps_its_lines(void **state)
{
	char text[] = "HTTP/1.1 200 OK\r\n\r\n*filter\n\t-A\033[2J\nCOMMIT\n";
	char wrong[] = "HTTP/1.1 500 x\r\n\r\na\nb\n";
	_free_ char *answer = NULL, *none = NULL;
	struct error e;

	(void)state;
	assert_int_equal(management_parse(text, MANAGEMENT_TEXT, &answer, &e), 0);
	assert_string_equal(answer, "*filter\n\t-A?[2J\nCOMMIT\n");
	assert_int_equal(management_parse(wrong, MANAGEMENT_TEXT, &none, &e), -EREMOTEIO);
	assert_null(strchr(e.msg, '\n'));
}

#define TEST(name) cmocka_unit_test(name)

static void test_metrics_are_not_asked_of_a_shim_that_ends_of_it(void **state)
{
	static const struct {
		const char *path, *text, *id;
		int result;
	} cases[] = {
		{ "kata/q/state.json", "{\"hypervisor\":{\"hypervisor_type\":\"qemu\"}}", "q",
		  -ENOTSUP },
		{ "kata/f/state.json", "{\"hypervisor\":{\"hypervisor_type\":\"firecracker\"}}",
		  "f", -ENOTSUP },
		{ "kata/c/state.json", "{\"hypervisor\":{\"hypervisor_type\":\"clh\"}}", "c", 0 },
		{ "kata/n/state.json", "{\"hypervisor\":null}", "n", 0 },
		{ "vc/sbs/go/persist.json", "{}", "go", 0 },
		{ "vc/sbs/ours/state.json", "{}", "ours", 0 },
	};
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		folder_put(*state, cases[i].path, cases[i].text);
		assert_int_equal(management_check_metrics(*state, cases[i].id, &e),
				 cases[i].result);
	}
	assert_int_equal(management_check_metrics(*state, "q", &e), -ENOTSUP);
	assert_string_equal(
		e.msg,
		"the shim of sandbox 'q' is upstream's in Rust, which ends with its pod "
		"when it is asked for the metrics of 'qemu'");
	assert_int_equal(management_check_metrics(*state, "gone", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request_with_a_body_is_whole_at_its_last_byte),
		TEST(test_body_may_have_any_bytes),
		TEST(test_what_is_no_request_is_refused),
		TEST(test_head_that_does_not_end_is_refused_in_time),
		TEST(test_parameters_are_found_by_their_whole_name),
		TEST(test_escaped_text_comes_back),
		TEST(test_answers_of_a_shim_are_told_apart),
		TEST(test_text_of_a_shim_keeps_its_lines),
		cmocka_unit_test_setup_teardown(
			test_metrics_are_not_asked_of_a_shim_that_ends_of_it, folder_setup,
			folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
