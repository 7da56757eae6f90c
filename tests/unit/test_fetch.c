/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fetch - a file comes in spite of cuts, and what a server says of it is held against it.
 */

#include "tests/unit/unit.h"

#include <stdlib.h>

#include "tests/unit/fake-api.h"

#include "lib/buf.h"
#include "lib/http/fetch.h"
#include "lib/http/url.h"

#define WHOLE "0123456789"
#define LEN   strlen(WHOLE)
#define OK    "200 OK\r\nETag: \"a\"\r\nContent-Length: 10"
#define PART  "206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes "

static const struct fetch_patience impatient = {
	.idle_ms = 300,
	.tries = 3,
	.pause_ms = 1,
};

struct wanted {
	uint64_t offset, len, total, max;
};

static const struct wanted all = { 0, 10, 10, 10 };
static const struct wanted some = { 4, 3, 10, 10 };
static const struct wanted unknown = { 0, FETCH_REST, 0, 100 };

static int add(void *arg, const void *bytes, size_t len, struct error *e)
{
	return buf_add(arg, bytes, len, e);
}

/* What came of "f", of a server that plays TURNS. */
static int fetch_of(const struct fake_turn *turns, size_t n, const struct wanted *w,
		    char **ret_text, uint64_t *ret_moved, struct error *e)
{
	_buf_ struct buf b = { .max = 1000 };
	const struct fetch what = {
		.name = "f",
		.offset = w->offset,
		.len = w->len,
		.total = w->total,
		.max = w->max,
		.on_data = add,
		.arg = &b,
	};
	struct fetch_server server = { .patience = &impatient };
	struct fetcher *f = NULL;
	struct fake_api api;
	const char *fault;
	int r;

	assert_true(fake_start(&api, turns, n, NULL));
	server.base_url = api.url;
	assert_int_equal(fetcher_new(&server, &f, e), 0);
	r = fetch(f, &what, e);
	*ret_moved = fetcher_moved(f);
	fetcher_free(f);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	*ret_text = xstrndup(b.len ? (const char *)b.data : "", b.len);
	return r;
}

#define TURNS_MAX 6

static size_t count_turns(const struct fake_turn *turns)
{
	size_t n = 0;

	while (n < TURNS_MAX && turns[n].status)
		n++;
	return n;
}

static void test_file_comes_in_spite_of_everything(void **state)
{
	static const struct {
		const struct wanted *wanted;
		const char *text;
		uint64_t moved;
		struct fake_turn turns[TURNS_MAX];
	} cases[] = {
		/* As it should be: the whole without a range, a part with one. */
		{ &all,
		  WHOLE,
		  10,
		  { { { "GET /f ", "Accept-Encoding: identity\r\n" },
		      OK,
		      WHOLE,
		      FAKE_CLOSE,
		      NULL } } },
		{ &some,
		  "456",
		  3,
		  { { { "GET /f ", "Range: bytes=4-6\r\n" },
		      PART "4-6/10",
		      "456",
		      FAKE_CLOSE,
		      NULL } } },
		{ &unknown, WHOLE, 10, { { { "GET /f " }, "200 OK", WHOLE, FAKE_KEEP, NULL } } },
		/* Cut off: it goes on where it was, of the same file. */
		{ &all,
		  WHOLE,
		  10,
		  { { { "GET /f " }, OK, "0123", FAKE_CLOSE, NULL },
		    { { "GET /f ", "Range: bytes=4-\r\n", "If-Range: \"a\"\r\n" },
		      PART "4-9/10",
		      "45",
		      FAKE_CLOSE,
		      NULL },
		    { { "GET /f ", "Range: bytes=6-\r\n" },
		      PART "6-9/*",
		      "6789",
		      FAKE_CLOSE,
		      NULL } } },
		{ &some,
		  "456",
		  3,
		  { { { "GET /f " }, PART "4-6/10\r\nContent-Length: 3", "4", FAKE_CLOSE, NULL },
		    { { "GET /f ", "Range: bytes=5-6\r\n" },
		      PART "5-6/10",
		      "56",
		      FAKE_CLOSE,
		      NULL } } },
		/* It stands still. */
		{ &all,
		  WHOLE,
		  10,
		  { { { "GET /f " }, OK, "01234", FAKE_HANG, NULL },
		    { { "GET /f ", "Range: bytes=5-\r\n" },
		      PART "5-9/10",
		      "56789",
		      FAKE_CLOSE,
		      NULL } } },
		/* It knows no ranges: what is there is passed over. */
		{ &some, "456", 7, { { { "GET /f " }, OK, "0123456", FAKE_CLOSE, NULL } } },
		{ &all,
		  WHOLE,
		  14,
		  { { { "GET /f " }, OK, "0123", FAKE_CLOSE, NULL },
		    { { "GET /f " }, OK, WHOLE, FAKE_CLOSE, NULL } } },
		/* There is no end: all that is wanted is there, nobody waits for more. */
		{ &all, WHOLE, 13, { { { "GET /f " }, "200 OK", WHOLE "abc", FAKE_HANG, NULL } } },
		/* Busy for a moment. */
		{ &all,
		  WHOLE,
		  10,
		  { { { "GET /f " }, "503 Later\r\nRetry-After: 0", "busy", FAKE_KEEP, NULL },
		    { { "GET /f " }, "429 Slower", "busy", FAKE_CLOSE, NULL },
		    { { "GET /f " }, OK, WHOLE, FAKE_CLOSE, NULL } } },
		/* Somewhere else. */
		{ &all,
		  WHOLE,
		  10,
		  { { { "GET /f " }, "302 Found\r\nLocation: /g/h?i", "", FAKE_KEEP, NULL },
		    { { "GET /g/h?i " }, "307 So\r\nLocation: k", "", FAKE_KEEP, NULL },
		    { { "GET /g/k " }, OK, WHOLE, FAKE_CLOSE, NULL } } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = NULL;
		uint64_t moved;
		struct error e = { 0 };

		if (fetch_of(cases[i].turns, count_turns(cases[i].turns), cases[i].wanted, &text,
			     &moved, &e) < 0)
			fail_msg("case %zu: %s", i, e.msg);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(moved, cases[i].moved);
	}
}

struct refusal {
	const struct wanted *wanted;
	int error;
	const char *says;
	struct fake_turn turns[TURNS_MAX];
};

static void must_refuse(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_free_ char *text = NULL;
		struct error e = { 0 };
		uint64_t moved;
		int r = fetch_of(cases[i].turns, count_turns(cases[i].turns), cases[i].wanted,
				 &text, &moved, &e);

		if (r != -cases[i].error || !strstr(e.msg, cases[i].says))
			fail_msg("case %zu: %d: %s", i, r, e.msg);
	}
}

static void test_answer_that_cannot_be_right_is_refused(void **state)
{
	static const struct refusal cases[] = {
		{ &all, ENOENT, "no such file", { { { "GET" }, "404 No", "", FAKE_CLOSE, NULL } } },
		{ &all,
		  EACCES,
		  "does not give",
		  { { { "GET" }, "403 No", "", FAKE_CLOSE, NULL } } },
		{ &some, ESTALE, "shorter", { { { "GET" }, "416 No", "", FAKE_CLOSE, NULL } } },
		{ &all,
		  ESTALE,
		  "12 bytes",
		  { { { "GET" }, "200 OK\r\nContent-Length: 12", WHOLE "ab", FAKE_CLOSE, NULL } } },
		{ &some,
		  ESTALE,
		  "11 bytes",
		  { { { "GET" }, PART "4-6/11", "456", FAKE_CLOSE, NULL } } },
		{ &some,
		  EPROTO,
		  "begins at byte 5",
		  { { { "GET" }, PART "5-7/10", "567", FAKE_CLOSE, NULL } } },
		{ &some,
		  EPROTO,
		  "which part",
		  { { { "GET" }, "206 Partial Content", "456", FAKE_CLOSE, NULL } } },
		{ &some,
		  EPROTO,
		  "which part",
		  { { { "GET" },
		      "206 So\r\nContent-Range: pages 4-6/10",
		      "456",
		      FAKE_CLOSE,
		      NULL } } },
		{ &all,
		  EPROTO,
		  "packed (gzip)",
		  { { { "GET" }, OK "\r\nContent-Encoding: gzip", WHOLE, FAKE_CLOSE, NULL } } },
		{ &unknown,
		  EFBIG,
		  "more than 100",
		  { { { "GET" }, "200 OK\r\nContent-Length: 1000", "01", FAKE_CLOSE, NULL } } },
		{ &unknown,
		  EFBIG,
		  "more than 100",
		  { { { "GET" },
		      "200 OK",
		      WHOLE WHOLE WHOLE WHOLE WHOLE WHOLE WHOLE WHOLE WHOLE WHOLE "+",
		      FAKE_HANG,
		      NULL } } },
	};

	(void)state;
	must_refuse(cases, ARRAY_SIZE(cases));
}

static void test_server_that_never_comes_to_it_is_left(void **state)
{
	static const struct refusal cases[] = {
		{ &all,
		  ESTALE,
		  "changed meanwhile",
		  { { { "GET" }, OK, "0123", FAKE_CLOSE, NULL },
		    { { "GET" },
		      "200 OK\r\nETag: \"b\"\r\nContent-Length: 10",
		      WHOLE,
		      FAKE_CLOSE,
		      NULL } } },
		{ &all,
		  ECONNRESET,
		  "given up after 3 tries",
		  { { { "GET" }, OK, "", FAKE_CLOSE, NULL },
		    { { "GET" }, OK, "", FAKE_CLOSE, NULL },
		    { { "GET" }, OK, "", FAKE_CLOSE, NULL } } },
		{ &all,
		  ETIMEDOUT,
		  "nothing arrived",
		  { { { "GET" }, OK, "", FAKE_HANG, NULL },
		    { { "GET" }, OK, "", FAKE_HANG, NULL },
		    { { "GET" }, OK, "", FAKE_HANG, NULL } } },
		{ &all,
		  EPROTO,
		  "where a mirror may send",
		  { { { "GET" },
		      "302 So\r\nLocation: file:///etc/passwd",
		      "",
		      FAKE_CLOSE,
		      NULL } } },
		{ &all,
		  EPROTO,
		  "where a mirror may send",
		  { { { "GET" },
		      "302 So\r\nLocation: ftp://127.0.0.1/f",
		      "",
		      FAKE_CLOSE,
		      NULL } } },
		{ &all,
		  EPROTO,
		  "not said where",
		  { { { "GET" }, "302 So", "", FAKE_CLOSE, NULL } } },
		{ &all,
		  EPROTO,
		  "more than 5 times",
		  { { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL },
		    { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL },
		    { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL },
		    { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL },
		    { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL },
		    { { "GET" }, "302 So\r\nLocation: f", "", FAKE_KEEP, NULL } } },
	};

	(void)state;
	must_refuse(cases, ARRAY_SIZE(cases));
}

/* Fewer bytes than these in a second, for so long: that is no way to bring a file. */
static void test_server_that_trickles_is_left(void **state)
{
	static const struct fetch_patience patience = {
		.idle_ms = 20000,
		.slow_bytes = 1000,
		.slow_s = 1,
		.tries = 2,
		.pause_ms = 1,
	};
	static const struct fake_turn turns[] = {
		{ { "GET /f " }, "200 OK\r\nContent-Length: 100000", "", FAKE_TRICKLE, NULL },
		{ { "GET /f " }, "200 OK\r\nContent-Length: 100000", "", FAKE_TRICKLE, NULL },
	};
	_buf_ struct buf b = { .max = 1000 };
	const struct fetch what = {
		.name = "f",
		.len = 100000,
		.total = 100000,
		.on_data = add,
		.arg = &b,
	};
	struct fetch_server server = { .patience = &patience };
	struct fetcher *f = NULL;
	struct fake_api api;
	struct error e;

	(void)state;
	assert_true(fake_start(&api, turns, ARRAY_SIZE(turns), NULL));
	server.base_url = api.url;
	assert_int_equal(fetcher_new(&server, &f, &e), 0);
	assert_int_equal(fetch(f, &what, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.msg, "given up after 2 tries"));
	assert_true(b.len > 0);
	fetcher_free(f);
	assert_null(fake_stop(&api));
}

static int refuse(void *arg, const void *bytes, size_t len, struct error *e)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return fail(e, ENOSPC, "no room");
}

/* Whoever takes the bytes has the last word: that is no cut. */
static void test_taker_that_fails_ends_it(void **state)
{
	static const struct fake_turn turn = { { "GET /f " }, OK, WHOLE, FAKE_CLOSE, NULL };
	const struct fetch what = { .name = "f", .len = 10, .total = 10, .on_data = refuse };
	struct fetch_server server = { .patience = &impatient };
	struct fetcher *f = NULL;
	struct fake_api api;
	struct error e;

	(void)state;
	assert_true(fake_start(&api, &turn, 1, NULL));
	server.base_url = api.url;
	assert_int_equal(fetcher_new(&server, &f, &e), 0);
	assert_int_equal(fetch(f, &what, &e), -ENOSPC);
	fetcher_free(f);
	assert_null(fake_stop(&api));
}

static void test_secret_of_an_address_is_in_no_message(void **state)
{
	const struct fetch what = { .name = "f", .len = 10, .total = 10, .on_data = refuse };
	const struct fetch_server server = { .base_url = "http://me:hush@127.0.0.1:1/a",
					     .patience = &impatient };
	struct fetcher *f = NULL;
	struct error e;

	(void)state;
	assert_int_equal(fetcher_new(&server, &f, &e), 0);
	assert_int_equal(fetch(f, &what, &e), -ECONNREFUSED);
	assert_null(strstr(e.msg, "hush"));
	fetcher_free(f);
}

static void test_references_lead_to_http_alone(void **state)
{
	static const struct {
		const char *base, *reference, *wanted;
	} cases[] = {
		{ "https://a.example/b/c", "d", "https://a.example /b/d" },
		{ "https://a.example/b/c", "/d?e", "https://a.example /d?e" },
		{ "https://u:p@a.example/b", "/d", "https://u:p@a.example /d" },
		{ "https://u:p@a.example/b", "https://z.example/d", "https://z.example /d" },
		{ "http://a.example/b", "//z.example:81/d#e", "http://z.example:81 /d" },
		{ "http://a.example/b", "https://z.example", "https://z.example /" },
		{ "https://a.example/b", "http://a.example/b", NULL },
		{ "http://a.example/b", "file:///etc/passwd", NULL },
		{ "http://a.example/b", "file:/etc/passwd", NULL },
		{ "http://a.example/b", "gopher://z.example/", NULL },
		{ "http://a.example/b", "scp://z.example/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_url_ struct url base = { 0 }, to = { 0 };
		_free_ char *text = NULL;
		struct error e;
		int r;

		assert_int_equal(url_parse(cases[i].base, &base, &e), 0);
		r = url_resolve(&base, cases[i].reference, &to, &e);
		assert_int_equal(r, cases[i].wanted ? 0 : -EPROTO);
		text = xasprintf("%s %s", to.origin, to.path);
		if (cases[i].wanted)
			assert_string_equal(text, cases[i].wanted);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_that_trickles_is_left),
		cmocka_unit_test(test_file_comes_in_spite_of_everything),
		cmocka_unit_test(test_answer_that_cannot_be_right_is_refused),
		cmocka_unit_test(test_server_that_never_comes_to_it_is_left),
		cmocka_unit_test(test_taker_that_fails_ends_it),
		cmocka_unit_test(test_secret_of_an_address_is_in_no_message),
		cmocka_unit_test(test_references_lead_to_http_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
